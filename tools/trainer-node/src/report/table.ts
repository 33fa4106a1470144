import { BRANCH_NAMES } from '../../../../plugin/core/index.js';
import { REGION_NAMES, type Evaluation } from '../evaluate.js';
import type { PruneReport } from '../prune/prune-head.js';

/** An evaluation as a text table, one region a line. */
export function evaluationTable({ regions, static: still, sync, frames }: Evaluation): string {
    const number = (value: number, digits: number): string =>
        (Number.isFinite(value) ? value.toFixed(digits) : '-').padStart(8);
    const rows = REGION_NAMES.map((name) => {
        const gain = regions[name].psnr - still[name].psnr;
        return `${name.padEnd(6)}${number(regions[name].psnr, 2)}${number(regions[name].ssim, 4)}${number(still[name].psnr, 2)}${number(still[name].ssim, 4)}${number(gain, 2)}`;
    });
    return [
        `region${'PSNR'.padStart(8)}${'SSIM'.padStart(8)}${'still'.padStart(8)}${'SSIM'.padStart(8)}${'gain dB'.padStart(8)}`,
        ...rows,
        `sync: lag ${number(sync.lagFrames, 2).trim()} frames, correlation ${number(sync.correlation, 3).trim()} over ${frames} frames`,
    ].join('\n');
}

/** What pruning did as a text table: PSNR by region, splats by branch, bytes; before, after, difference. */
export function pruneTable({ views, minPixels, before, after }: PruneReport): string {
    const row = (name: string, from: number, to: number, digits: number): string =>
        [
            name.padEnd(14),
            ...[from, to, to - from].map((v) => (Number.isFinite(v) ? v.toFixed(digits) : '-').padStart(12)),
        ].join('');
    const psnr = REGION_NAMES.map((name) =>
        row(`PSNR ${name}`, before.metrics.regions[name].psnr, after.metrics.regions[name].psnr, 3),
    );
    const splats = BRANCH_NAMES.map((name) => row(`splats ${name}`, before.splats[name], after.splats[name], 0));
    return [
        `${''.padEnd(14)}${['before', 'after', 'difference'].map((title) => title.padStart(12)).join('')}`,
        ...psnr,
        ...splats,
        row('bytes', before.bytes, after.bytes, 0),
        `kept: splats that reach ${minPixels} or more pixels in ${views} training views; PSNR in dB over ${after.metrics.frames} test frames`,
    ].join('\n');
}
