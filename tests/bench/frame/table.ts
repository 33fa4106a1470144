import { BARS, type Bar, type Report, type Verdict } from './report.js';
import { threeDigits } from './statistics.js';

const WORDS: Readonly<Record<Verdict, string>> = { pass: 'pass', miss: 'MISS', none: '-' };

/** A run as text for a terminal. */
export function tableOf(report: Report): string {
    const { passes, browser, quality, ratios, verdicts } = report;
    const values: Readonly<Record<string, number | null>> = { ...ratios, ...quality };
    const lines = [
        `${report.adapter}, commit ${report.commit}, ${report.mode}, load ${report.load.toFixed(1)}`,
        '',
        ...aligned([
            ['pass', 'splats', 'cpu ms', 'gpu ms', 'wall ms', 'wall p95', 'rounds'],
            ...passes.map(({ name, splats, cpuMs, gpuMs, wallMs, wallP95Ms, rounds }) =>
                [name, splats, ms(cpuMs), ms(gpuMs), ms(wallMs), ms(wallP95Ms), rounds].map(String),
            ),
        ]),
        '',
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
    const refactored = ratios.deformSpeedupOverOrtWebGpuRefactored;
    if (refactored !== null)
        lines.push(`the refactored graph on ONNX Runtime Web's WebGPU over ours: ${refactored.toFixed(2)}`, '');
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
