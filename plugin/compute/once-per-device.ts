/** What was made, by device and key. Filled on first use, because importing a module does nothing; entries die with the device. */
const kept: { byDevice?: WeakMap<GPUDevice, Map<unknown, Promise<unknown>>> } = {};

/**
 * What `makeAsync` gives, made once for a device and key; what fails is made again when next asked for.
 *
 * For what costs time and holds no memory that needs freeing: pipelines, measurements.
 *
 * @param key - an object that is always the same (a kernel's declaration), or a text that no other caller uses.
 */
export function oncePerDevice<T>(device: GPUDevice, key: unknown, makeAsync: () => Promise<T>): Promise<T> {
    kept.byDevice ??= new WeakMap();
    const made = kept.byDevice.get(device) ?? new Map<unknown, Promise<unknown>>();
    kept.byDevice.set(device, made);
    const known = made.get(key) as Promise<T> | undefined;
    if (known) return known;
    const making = makeAsync();
    made.set(key, making);
    making.catch(() => made.delete(key));
    return making;
}
