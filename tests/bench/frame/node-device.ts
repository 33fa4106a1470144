import { nodeGpu } from '../../helpers/gpu.js';
import { describeAdapter, isSoftwareAdapter } from './adapter-name.js';

/** Node's WebGPU device and what it runs on. */
export interface BenchDevice {
    readonly device: GPUDevice;
    readonly adapter: string;
    /** The CPU plays the GPU: only ratios of CPU time mean something. */
    readonly isSoftware: boolean;
}

/**
 * Opens the machine's adapter with default limits, and timestamps where there are any.
 *
 * @throws Error - no adapter; says what to set.
 */
export async function openBenchDeviceAsync(): Promise<BenchDevice> {
    const adapter = await nodeGpu().requestAdapter({ powerPreference: 'high-performance' });
    if (adapter === null) {
        throw new Error(
            'bench: expected a WebGPU adapter in Node, got none. Set VK_ICD_FILENAMES to the JSON file of a Vulkan driver.',
        );
    }
    const hasTimestamps = adapter.features.has('timestamp-query');
    const device = await adapter.requestDevice({ requiredFeatures: hasTimestamps ? ['timestamp-query'] : [] });
    return { device, adapter: describeAdapter(adapter.info), isSoftware: isSoftwareAdapter(adapter.info) };
}
