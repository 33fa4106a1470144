/** Why WebGPU cannot be used here, in words for the visitor; null when it can. */
export async function findObstacleAsync(): Promise<string | null> {
    if (!globalThis.isSecureContext) {
        return 'The page was opened over plain http. Browsers offer WebGPU over https and on localhost only.';
    }
    // The type says that it is always there; older browsers disagree.
    const gpu = navigator.gpu as GPU | undefined;
    if (gpu === undefined) return 'This browser does not offer it, or it is switched off.';
    const adapter = await gpu.requestAdapter().catch(() => null);
    if (adapter === null) return 'This browser knows WebGPU but found no graphics adapter that it trusts with it.';
    return null;
}
