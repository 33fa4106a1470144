/** What a pass cannot do without: see pass-work.ts. */
export interface PassWork {
    /** Every buffer that a dispatch touches, once. */
    readonly bytes: number;
    /** Floating-point operations; a multiply-add is two. */
    readonly flops: number;
}

/** A GPU's published peaks. */
export interface GpuPeak {
    readonly name: string;
    readonly pattern: RegExp;
    readonly bytesPerSecond: number;
    /** fp32, without tensor cores, which WebGPU does not reach. */
    readonly flopsPerSecond: number;
}

/** NVIDIA's data sheets, SXM modules: the PCIe card of the same name has slower memory, so it is not matched. */
export const GPU_PEAKS: readonly GpuPeak[] = [
    { name: 'H100', pattern: /\bh100\b(?!.*pcie)/i, bytesPerSecond: 3.35e12, flopsPerSecond: 67e12 },
    { name: 'H200', pattern: /\bh200\b/i, bytesPerSecond: 4.8e12, flopsPerSecond: 67e12 },
];

/** The peaks of an adapter, as describeAdapter names it; undefined for one that is not in the table. */
export function peakOf(adapter: string): GpuPeak | undefined {
    return GPU_PEAKS.find(({ pattern }) => pattern.test(adapter));
}

/** The least time that the work can take, us: memory and arithmetic overlap, the slower one decides. */
export function rooflineUs({ bytes, flops }: PassWork, peak: GpuPeak): number {
    return 1e6 * Math.max(bytes / peak.bytesPerSecond, flops / peak.flopsPerSecond);
}
