import { threeDigits } from '../frame/statistics.js';
import type { Report } from './report.js';

/** Columns of docs/benchmarks/voice.csv; new ones come last. */
const COLUMNS: Readonly<Record<string, (report: Report) => string | number>> = {
    date: ({ date }) => date,
    machine: ({ machine }) => machine,
    commit: ({ commit }) => commit,
    mode: ({ mode }) => mode,
    load: ({ load }) => load,
    clipLagFrames: ({ clip }) => clip.lagFrames,
    clipDriftMsPerHour: ({ drift }) => drift.clip.slopeMsPerHour,
    clipDriftError: ({ drift }) => drift.clip.standardErrorMsPerHour,
    liveDriftMsPerHour: ({ drift }) => drift.live.slopeMsPerHour,
    liveDriftError: ({ drift }) => drift.live.standardErrorMsPerHour,
    liveErrorP95Ms: ({ live }) => live.earToLipErrorP95Ms,
    displayedErrorP95Ms: ({ live }) => live.displayedErrorP95Ms,
    lowErrorP95Ms: ({ live }) => live.lowErrorP95Ms,
    analysisErrorP95Ms: (report) => report.analysisErrorP95Ms,
    delayMs: ({ live }) => live.delayMs,
    lowDelayMs: ({ live }) => live.lowDelayMs,
    reportedMinusMeasuredMs: ({ live }) => live.reportedMinusMeasuredMs,
    silenceMs: ({ interrupt }) => interrupt.silenceMs,
    heardSilenceMs: ({ interrupt }) => interrupt.heardSilenceMs,
    restMs: ({ interrupts }) => interrupts.map(({ kind, restMs }) => `${kind}=${number(restMs)}`).join(' '),
    leaks: ({ values }) => values['leaks'] ?? '',
    rateRms: ({ values }) => values['rateRms'] ?? '',
    gainChange: ({ features }) => features.gainChange,
    isBitIdentical: ({ features }) => String(features.isBitIdentical),
    encoderDifference: ({ features }) => features.encoderDifference,
    liveCpuShare: ({ cpu }) => cpu.liveShare,
    analysisMsPerSecond: ({ cpu }) => cpu.analysisMsPerSecond,
    missed: ({ verdicts }) =>
        Object.keys(verdicts)
            .filter((name) => verdicts[name] !== 'pass')
            .join(' '),
};

/** First line of the file. */
export const CSV_HEADER: string = Object.keys(COLUMNS).join(',');

/** A run as a line of the file, without a line break. */
export function csvRow(report: Report): string {
    return Object.values(COLUMNS)
        .map((column) => quoted(column(report)))
        .join(',');
}

/** The file with a row more; rows of an older, shorter header get empty cells. @throws Error - columns that are not the first of ours. */
export function withRow(file: string, row: string): string {
    const [header = CSV_HEADER, ...rows] = file.split('\n').filter((line) => line !== '');
    if (header !== CSV_HEADER && !CSV_HEADER.startsWith(`${header},`))
        throw new Error(`bench: expected the columns "${CSV_HEADER}", got "${header}". Move the old file aside.`);
    const missing = ','.repeat(CSV_HEADER.split(',').length - header.split(',').length);
    return [CSV_HEADER, ...rows.map((old) => `${old}${missing}`), row, ''].join('\n');
}

function quoted(value: string | number): string {
    const text = typeof value === 'number' ? number(value) : value;
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function number(value: number): string {
    if (!Number.isFinite(value)) return 'never';
    return Math.abs(value) < 1e-3 && value !== 0 ? value.toExponential(1) : threeDigits(value);
}
