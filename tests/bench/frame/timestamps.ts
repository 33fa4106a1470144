/**
 * Gives every device that this GPU's adapters make from now on timestamps, where there are any.
 *
 * tests/helpers/babylon-node.ts starts Babylon without features, so that tests run on what every browser has; a bench wants the
 * GPU's own clock.
 */
export function offerTimestamps(gpu: GPU): void {
    const requestAdapter = gpu.requestAdapter.bind(gpu);
    gpu.requestAdapter = async (options) => {
        const adapter = await requestAdapter(options);
        if (!adapter?.features.has('timestamp-query')) return adapter;
        const requestDevice = adapter.requestDevice.bind(adapter);
        Object.defineProperty(adapter, 'requestDevice', {
            value: (descriptor: GPUDeviceDescriptor = {}) =>
                requestDevice({
                    ...descriptor,
                    requiredFeatures: [
                        ...new Set([...(descriptor.requiredFeatures ?? []), 'timestamp-query' as const]),
                    ],
                }),
            configurable: true,
        });
        return adapter;
    };
}
