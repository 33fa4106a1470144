import { threeDigits } from '../frame/statistics.js';
import { BARS, type Report } from './report.js';

const WORDS = { pass: 'pass', miss: 'MISS', none: '-' } as const;

/** A run as text for a terminal. */
export function tableOf(report: Report): string {
    const { commit, mode, machine, load, loadAtEnd, drift, leaks, features, cpu, live } = report;
    const judged = BARS.map(({ name, atMost = Number.NaN, meaning }) => [
        WORDS[report.verdicts[name] ?? 'none'],
        number(report.values[name] ?? Number.NaN),
        `<= ${atMost}`,
        name,
        meaning,
    ]);
    const [before, after] = [leaks.before, leaks.after];
    return [
        `${machine}, commit ${commit}, ${mode}, load ${load.toFixed(1)} to ${loadAtEnd.toFixed(1)}, runs made again ${report.voidRuns}`,
        `mouth opening from f_a: R2 ${report.apertureR2.toFixed(4)} against the float64 reference`,
        '',
        ...rowsOf('clip', report.clips),
        '',
        ...rowsOf(
            'drift',
            Object.entries(drift).map(([kind, { lagsMs: _, ...rest }]) => ({ kind, ...rest })),
        ),
        '',
        ...rowsOf('live', report.liveRuns),
        `p95 at the default delay with a display frame more: ${number(live.displayedErrorP95Ms)} ms; of the analysis alone, without clocks: ${number(report.analysisErrorP95Ms)} ms`,
        '',
        ...rowsOf('interrupt', report.interrupts),
        `${leaks.interrupts} interruptions: ${leaks.starts} turns began, ${leaks.ends} ended; audio nodes ${before.audioNodes} -> ${after.audioNodes}, ` +
            `processors ${before.workletProcessors} -> ${after.workletProcessors}, workers ${before.workers} -> ${after.workers}, ` +
            `listeners ${before.eventListeners} -> ${after.eventListeners}, memory ${before.heapBytes} -> ${after.heapBytes} bytes; ` +
            `${leaks.nodesSeenOfLeak} nodes seen of 40 leaked on purpose`,
        '',
        `features: rms ${Object.entries(features.rateRms).map(([rate, rms]) => `${rate} Hz ${number(rms)}`).join(', ')}; f_a up to ${number(features.encoderRange)}`,
        `CPU: ${number(100 * cpu.withShare)} % of a core with a live voice, ${number(100 * cpu.withoutShare)} % without; analysis in Node ${number(cpu.analysisMsPerSecond)} ms a second of sound`,
        '',
        ...aligned([['', 'got', 'bar', 'name', 'meaning'], ...judged]),
    ].join('\n'); // prettier-ignore
}

/** One line a row, one column a field. */
function rowsOf(name: string, rows: readonly object[]): string[] {
    const columns = Object.keys(rows[0] ?? {});
    return aligned([[name, ...columns], ...rows.map((row) => ['', ...Object.values(row).map((value) => cell(value))])]);
}

function cell(value: unknown): string {
    return typeof value === 'number' ? number(value) : String(value);
}

function number(value: number): string {
    if (!Number.isFinite(value)) return String(value);
    return Math.abs(value) < 1e-3 && value !== 0 ? value.toExponential(1) : threeDigits(value);
}

function aligned(rows: readonly (readonly string[])[]): string[] {
    const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
    return rows.map((row) =>
        row
            .map((text, column) => text.padEnd(widths[column] ?? 0))
            .join('  ')
            .trimEnd(),
    );
}
