import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { resolve } from 'node:path';
import { csvRow, withRow } from './csv-row.js';
import { parseOptions, roundPlan, USAGE, type BenchOptions } from './options.js';
import { reportOf, type Quality, type Report } from './report.js';
import { tableOf } from './table.js';

const ROOT = resolve(import.meta.dirname, '../../..');
const CSV = resolve(ROOT, 'docs/benchmarks/frame.csv');
const NO_PICTURES: Quality = { tilePsnr: null, quadsPsnr: null, tileVsQuadsPsnr: null };

/** Runs the bench. @returns the exit code: 0 measured, bars missed or not; 1 could not measure. */
export async function main(args: readonly string[]): Promise<number> {
    // Babylon greets on stdout, which is for the report alone.
    console.log = console.error;
    const started = performance.now();
    const progress = (line: string): void => {
        process.stderr.write(`${((performance.now() - started) / 1e3).toFixed(0).padStart(4)} s  ${line}\n`);
    };
    try {
        const options = parseOptions(args);
        if (options.help) {
            process.stdout.write(USAGE);
            return 0;
        }
        const report = await measureAsync(options, progress);
        if (options.json) {
            process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
            return 0;
        }
        process.stdout.write(`${tableOf(report)}\n`);
        appendRow(report);
        progress(`appended a row to ${CSV}`);
        return 0;
    } catch (error) {
        process.stderr.write(`${(error as Error).message}\n`);
        return 1;
    }
}

async function measureAsync(options: BenchOptions, progress: (line: string) => void): Promise<Report> {
    const plan = roundPlan(options.quick);
    const [load = 0] = loadavg();
    // Before anything is measured in vain.
    if (!options.computeOnly) (await import('./open-page.js')).requireChromium();
    // Imported late: without the package, its own error would hide what to do.
    const { openBenchDeviceAsync } = await import('./node-device.js').catch(explainMissingDawn);
    const opened = await openBenchDeviceAsync();
    progress(`kernels: ${opened.adapter}`);
    const { measurePassesAsync } = await import('./compute-part.js');
    const passes = await measurePassesAsync(opened, plan, progress);
    opened.device.destroy();
    const { adapter, isSoftware } = opened;
    const [browser, quality] = options.computeOnly
        ? [null, NO_PICTURES]
        : await measureRestAsync(isSoftware, plan, progress);
    return reportOf({
        date: new Date().toISOString().slice(0, 10),
        commit: commitOf(),
        mode: options.quick ? 'quick' : 'full',
        adapter,
        isSoftware,
        load,
        passes,
        browser,
        quality,
    });
}

async function measureRestAsync(
    isSoftware: boolean,
    plan: ReturnType<typeof roundPlan>,
    progress: (line: string) => void,
): Promise<[NonNullable<Report['browser']>, Quality]> {
    const { measureBrowserAsync } = await import('./browser-part.js');
    const browser = await measureBrowserAsync(isSoftware, plan, progress);
    const { measureQualityAsync } = await import('./quality-part.js');
    return [browser, await measureQualityAsync(progress)];
}

function explainMissingDawn(cause: unknown): never {
    const why = (cause as Error).message.split('\n')[0];
    throw new Error(`bench: expected Node's WebGPU, the package "webgpu", got "${why}". Run npm ci.`, { cause });
}

/** Short hash, with a plus where the working tree differs. */
function commitOf(): string {
    const git = (...args: string[]): string =>
        execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    try {
        const isClean = git('status', '--porcelain', '--', 'plugin', 'tests', 'package-lock.json') === '';
        return `${git('rev-parse', '--short', 'HEAD')}${isClean ? '' : '+'}`;
    } catch {
        return 'unknown';
    }
}

function appendRow(report: Report): void {
    const file = existsSync(CSV) ? readFileSync(CSV, 'utf8') : '';
    writeFileSync(CSV, withRow(file, csvRow(report)));
}
