/** Invocations of a one-thread-per-item kernel without barriers. */
export const FLAT_WORKGROUP = 64;

/**
 * Something that can be recorded into an open compute pass: deformations and sorts of one frame share a pass and a
 * submit, because dispatch overhead, not arithmetic, is what costs at a head's size.
 */
export interface PassRecorder {
    /** Records; dispatches nothing by itself. @returns dispatches recorded. */
    record(pass: GPUComputePassEncoder): number;
}

/** Workgroups that cover `items` with `perWorkgroup` each; at least one. */
export function workgroupsFor(items: number, perWorkgroup: number): number {
    return Math.max(1, Math.ceil(items / perWorkgroup));
}
