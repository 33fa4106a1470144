/** What a pass of ours, or its peer, cost: medians over rounds, ms a recording. */
export interface PassRow {
    readonly name: string;
    readonly splats: number;
    /** Side of the square picture, px; null where no pixels are involved. */
    readonly pixels: number | null;
    /** Recordings between one pair of timestamps. */
    readonly repeats: number;
    readonly rounds: number;
    /** CPU time of all threads but the waiting one. */
    readonly cpuMs: number;
    /** Null without timestamps. */
    readonly gpuMs: number | null;
    readonly wallMs: number;
    readonly wallP95Ms: number;
    /** The least that this GPU can take, us (roofline.ts); null where its peaks are not in the table. */
    readonly rooflineUs: number | null;
}

/** The time of a pass that its adapter is judged by: CPU on a software adapter, else the GPU's own, else the wall's. */
export function judgedMs(row: PassRow, isSoftware: boolean): number {
    return isSoftware ? row.cpuMs : (row.gpuMs ?? row.wallMs);
}
