import { USUAL_DRAW } from './options.js';
import type { PassRow } from './pass-row.js';
import { BARS, type Bar, type Report, type Verdict } from './report.js';
import { ratio, threeDigits } from './statistics.js';

const WORDS: Readonly<Record<Verdict, string>> = { pass: 'pass', miss: 'MISS', none: '-' };

/** A run as text for a terminal. */
export function tableOf(report: Report): string {
    const { passes, browser, quality, ratios, verdicts } = report;
    const values: Readonly<Record<string, number | null>> = { ...ratios, ...quality };
    const lines = [
        `${report.adapter}, commit ${report.commit}, ${report.mode}, load ${report.load.toFixed(1)}`,
        '',
        ...passLines(passes),
        '',
        ...scalingLines(report),
    ];
    if (browser) {
        lines.push(
            `browser: ${browser.adapter}; the peer's picture agrees with ours to ${browser.peerPictureDb.toFixed(1)} dB`,
            '',
            ...aligned([
                ['in the browser', 'cpu ms', 'wall ms', 'wall p95', 'rounds'],
                ...[...browser.nets, ...browser.frames].map(({ name, cpuMs, wallMs, wallP95Ms, rounds }) =>
                    [name, ms(cpuMs), ms(wallMs), ms(wallP95Ms), rounds].map(String),
                ),
            ]),
            '',
        );
    }
    const unjudged = [
        ["the refactored graph on ONNX Runtime Web's WebGPU over ours", ratios.deformSpeedupOverOrtWebGpuRefactored],
        ["a talking frame with tiles over Babylon's static one", ratios.frameTileOverBabylonStatic],
        ["a talking frame without level of detail over Babylon's static one", ratios.frameAllSplatsOverBabylonStatic],
    ] as const;
    for (const [what, value] of unjudged) if (value !== null) lines.push(`${what}: ${value.toFixed(2)}`, '');
    const judged = BARS.map((bar) => [
        WORDS[verdicts[bar.name] ?? 'none'],
        values[bar.name]?.toFixed(2) ?? '-',
        boundOf(bar),
        bar.name,
        bar.meaning,
    ]);
    lines.push(...aligned([['', 'got', 'bar', 'name', 'meaning'], ...judged]));
    return lines.join('\n');
}

/** Milliseconds; where the GPU has a clock of its own, also its microseconds, and over the roofline where that is known. */
function passLines(passes: readonly PassRow[]): string[] {
    const columns: Readonly<Record<string, (row: PassRow) => string>> = {
        pass: ({ name }) => name,
        splats: ({ splats }) => String(splats),
        px: ({ pixels }) => String(pixels ?? '-'),
        'cpu ms': ({ cpuMs }) => ms(cpuMs),
        'gpu us': ({ gpuMs }) => ms(gpuMs === null ? null : gpuMs * 1e3),
        'wall ms': ({ wallMs }) => ms(wallMs),
        'wall p95': ({ wallP95Ms }) => ms(wallP95Ms),
        times: ({ repeats }) => String(repeats),
        rounds: ({ rounds }) => String(rounds),
        ...(passes.some(({ rooflineUs }) => rooflineUs !== null)
            ? {
                  'roofline us': ({ rooflineUs }) => ms(rooflineUs),
                  'over it': ({ gpuMs, wallMs, rooflineUs }) => ms(ratio((gpuMs ?? wallMs) * 1e3, rooflineUs)),
              }
            : {}),
    };
    return aligned([Object.keys(columns), ...passes.map((row) => Object.values(columns).map((cell) => cell(row)))]);
}

function scalingLines({ scaling }: Report): string[] {
    if (scaling.length === 0) return [];
    const { splats, pixels } = USUAL_DRAW;
    const power = (value: number | null): string => value?.toFixed(2) ?? '-';
    return [
        ...aligned([
            ['grows with the power', `of splats (${pixels} px)`, `of pixels (${splats} splats)`],
            ...scaling.map(({ name, overSplats, overPixels }) => [name, power(overSplats), power(overPixels)]),
        ]),
        '',
    ];
}

function boundOf({ atLeast, atMost }: Bar): string {
    return atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`;
}

function ms(value: number | null): string {
    return value === null ? '-' : threeDigits(value);
}

function aligned(rows: readonly (readonly string[])[]): string[] {
    const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
    return rows.map((row) =>
        row
            .map((cell, column) => cell.padEnd(widths[column] ?? 0))
            .join('  ')
            .trimEnd(),
    );
}
