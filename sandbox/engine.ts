import { WebGPUEngine } from '@babylonjs/core/Engines/webgpuEngine.js';
import '@babylonjs/core/Engines/WebGPU/Extensions/engine.alpha.js';
import '@babylonjs/core/Engines/WebGPU/Extensions/engine.cubeTexture.js';
import '@babylonjs/core/Engines/WebGPU/Extensions/engine.query.js';
import '@babylonjs/core/Engines/WebGPU/Extensions/engine.rawTexture.js';
import '@babylonjs/core/Engines/WebGPU/Extensions/engine.renderTarget.js';
import '@babylonjs/core/Engines/WebGPU/Extensions/engine.renderTargetTexture.js';

/** Screens denser than this are drawn at this density: splats are soft, the rest is lost on the eye. */
const MAX_PIXEL_RATIO = 1.5;

/** A started engine; GPU times are measured where the device can. */
export async function createEngineAsync(canvas: HTMLCanvasElement, scale: number | null): Promise<WebGPUEngine> {
    const engine = new WebGPUEngine(canvas, {
        antialias: true,
        // Babylon leaves out what the adapter does not have.
        deviceDescriptor: { requiredFeatures: ['timestamp-query'] },
    });
    await engine.initAsync();
    engine.setHardwareScalingLevel(scale ?? 1 / Math.min(globalThis.devicePixelRatio, MAX_PIXEL_RATIO));
    if (engine.enabledExtensions.includes('timestamp-query')) {
        engine.enableGPUTimingMeasurements = true;
        engine.captureGPUFrameTime(true);
    }
    return engine;
}
