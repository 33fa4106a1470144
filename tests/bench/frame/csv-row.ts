import { judgedMs, type PassRow } from './pass-row.js';
import type { Report } from './report.js';
import { threeDigits } from './statistics.js';

/**
 * Columns of docs/benchmarks/frame.csv. Passes share one, so that another pass is not another column. New ones are added at the end, so
 * that rows written before keep theirs.
 */
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
        passes.map((row) => `${sizedName(row)}=${threeDigits(judgedMs(row, isSoftware))}`).join(' '),
    browserMs: ({ browser }) =>
        [...(browser?.nets ?? []), ...(browser?.frames ?? [])]
            .map((row) => `${row.name}=${threeDigits(row.wallMs)}`)
            .join(' '),
    ...ratioColumn('frameTileOverBabylonStatic'),
    scaling: ({ scaling }) =>
        scaling
            .flatMap(({ name, ...over }) => [
                ...exponent(`${name}:splats`, over.overSplats),
                ...exponent(`${name}:pixels`, over.overPixels),
            ])
            .join(' '),
    ...ratioColumn('frameAllSplatsOverBabylonStatic'),
};

/** First line of the file. */
export const CSV_HEADER: string = Object.keys(COLUMNS).join(',');

/** A run as a line of the file, without a line break. */
export function csvRow(report: Report): string {
    return Object.values(COLUMNS)
        .map((column) => quoted(column(report)))
        .join(',');
}

/**
 * The file with a row more. Rows of an older, shorter header get empty cells for the columns that it lacked.
 *
 * @param file - what it holds; empty for none.
 * @throws Error - columns that are not the first of ours.
 */
export function withRow(file: string, row: string): string {
    const [header = CSV_HEADER, ...rows] = file.split('\n').filter((line) => line !== '');
    if (header !== CSV_HEADER && !CSV_HEADER.startsWith(`${header},`))
        throw new Error(`bench: expected the columns "${CSV_HEADER}", got "${header}". Move the old file aside.`);
    const missing = ','.repeat(CSV_HEADER.split(',').length - header.split(',').length);
    return [CSV_HEADER, ...rows.map((old) => `${old}${missing}`), row, ''].join('\n');
}

/** `pass@splats`, with the side of the picture where there is one: `tile@30000x512`. */
function sizedName({ name, splats, pixels }: PassRow): string {
    return `${name}@${splats}${pixels === null ? '' : `x${pixels}`}`;
}

function exponent(name: string, value: number | null): string[] {
    return value === null ? [] : [`${name}=${value.toFixed(2)}`];
}

function ratioColumn(name: keyof Report['ratios']): Record<string, (report: Report) => string> {
    return { [name]: ({ ratios }) => ratios[name]?.toFixed(2) ?? '' };
}

/** Quoted only where a comma or a quote would break the line. */
function quoted(value: string): string {
    return /[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
