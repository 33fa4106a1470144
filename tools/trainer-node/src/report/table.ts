import { REGION_NAMES, type Evaluation } from '../evaluate.js';

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
