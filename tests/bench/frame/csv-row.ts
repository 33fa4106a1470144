import { judgedMs, type Report } from './report.js';
import { threeDigits } from './statistics.js';

/** Columns of docs/benchmarks/frame.csv. Passes share one, so that another pass is not another column. */
const COLUMNS: Readonly<Record<string, (report: Report) => string>> = {
    date: ({ date }) => date,
    adapter: ({ adapter }) => adapter,
    commit: ({ commit }) => commit,
    mode: ({ mode }) => mode,
    load: ({ load }) => load.toFixed(1),
    ...ratioColumn('deformSpeedupOverStraightPort'),
    ...ratioColumn('deformScaling60kOver30k'),
    ...ratioColumn('deformSpeedupOverOrtWebGpu'),
    ...ratioColumn('deformSpeedupOverOrtWebGpuRefactored'),
    ...ratioColumn('frameOverBabylonStatic'),
    ...ratioColumn('frameAtRestOverBabylonStatic'),
    quadsPsnr: ({ quality }) => quality.quadsPsnr?.toFixed(1) ?? '',
    tilePsnr: ({ quality }) => quality.tilePsnr?.toFixed(1) ?? '',
    tileVsQuadsPsnr: ({ quality }) => quality.tileVsQuadsPsnr?.toFixed(1) ?? '',
    passMs: ({ passes, isSoftware }) =>
        passes.map((row) => `${row.name}@${row.splats}=${threeDigits(judgedMs(row, isSoftware))}`).join(' '),
    browserMs: ({ browser }) =>
        [...(browser?.nets ?? []), ...(browser?.frames ?? [])]
            .map((row) => `${row.name}=${threeDigits(row.wallMs)}`)
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

function ratioColumn(name: keyof Report['ratios']): Record<string, (report: Report) => string> {
    return { [name]: ({ ratios }) => ratios[name]?.toFixed(2) ?? '' };
}

/** Quoted only where a comma or a quote would break the line. */
function quoted(value: string): string {
    return /[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
