/**
 * Whether a buffer belongs to a device. A copy out of another device's buffer cannot be encoded, which is a validation
 * error; nothing is submitted, and nothing else on the device sees the error.
 *
 * onnxruntime-web 1.30 cannot be asked: `env.webgpu.device` is what was last written to it, not what a session uses.
 *
 * @param buffer - can be copied from; 4 bytes or more.
 */
export async function isBufferOf(device: GPUDevice, buffer: GPUBuffer): Promise<boolean> {
    const probe = device.createBuffer({ label: 'pgs.encoder.probe', size: 4, usage: GPUBufferUsage.COPY_DST });
    try {
        device.pushErrorScope('validation');
        const encoder = device.createCommandEncoder({ label: 'pgs.encoder.probe' });
        encoder.copyBufferToBuffer(buffer, 0, probe, 0, 4);
        encoder.finish();
        return (await device.popErrorScope()) === null;
    } finally {
        probe.destroy();
    }
}

/** Told, once its promise had a turn, that a device is lost. */
export interface DeviceLoss {
    /** Undefined while the device lives. */
    readonly reason: string | undefined;
}

/** Watches a device; holds nothing of the watcher. */
export function watchLoss(device: GPUDevice): DeviceLoss {
    const loss: { reason: string | undefined } = { reason: undefined };
    void device.lost.then(({ reason, message }) => {
        loss.reason = `the device was lost (${reason}): ${message}`;
    });
    return loss;
}
