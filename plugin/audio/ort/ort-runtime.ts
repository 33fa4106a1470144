import type * as Ort from 'onnxruntime-web';
import { PgsError } from '../../core/index.js';

/** Where onnxruntime-web finds its `.wasm` and `.mjs`: a folder, ending in `/`, or the files; absolute URLs. */
export type OrtWasmPaths = string | { readonly wasm?: string | URL; readonly mjs?: string | URL };

/** How onnxruntime-web is loaded. Its settings are the page's: the first encoder's count for all later ones. */
export interface OrtOptions {
    /**
     * A WebGPU device to run on, such as Babylon's; stays the caller's. Default: the CPU, which is faster for an encoder
     * of our own size: 0.1 ms a window, less than a GPU's dispatches and read-back.
     */
    readonly device?: GPUDevice;
    /**
     * Default: beside the bundle, where bundlers put them. The build is `ort-wasm-simd-threaded`, 14 MB, without a
     * device, and `ort-wasm-simd-threaded.asyncify`, 27 MB, with one.
     */
    readonly wasmPaths?: OrtWasmPaths;
    /** Default 1. More need a cross-origin isolated page, and hang where onnxruntime-web is bundled into a worker. */
    readonly numThreads?: number;
}

/** onnxruntime-web itself. */
export type OrtModule = typeof Ort;

/**
 * Loads the package, no WebAssembly yet.
 *
 * With a device it is the `/webgpu` build. `/jspi` is 10 MB smaller but needs WebAssembly's promise integration, which
 * browsers with WebGPU lack (Safari, Firefox); choosing by browser would double what an app has to host.
 *
 * @throws PgsError `ENCODER_UNSUPPORTED` - the package is not installed, or cannot be fetched.
 */
export async function loadOrtAsync({ device, wasmPaths, numThreads = 1 }: OrtOptions): Promise<OrtModule> {
    let ort: OrtModule;
    try {
        ort = await (device === undefined ? import('onnxruntime-web/wasm') : import('onnxruntime-web/webgpu'));
    } catch (error) {
        throw new PgsError(
            'ENCODER_UNSUPPORTED',
            `audio encoder: expected the optional package onnxruntime-web for this ONNX file, got "${messageOf(error)}". ` +
                'Install it: npm install onnxruntime-web.',
            { cause: error },
        );
    }
    ort.env.wasm.numThreads = numThreads;
    if (wasmPaths !== undefined) ort.env.wasm.wasmPaths = wasmPaths as Ort.Env.WasmPrefixOrFilePaths;
    return ort;
}

/** The end of the line at onnxruntime-web. Like its runtime, there is one a page. */
const line: { end: Promise<unknown> | undefined } = { end: undefined };

/**
 * Runs a task after all earlier ones. Every call of onnxruntime-web that waits goes through here, whichever encoder makes
 * it: the WebGPU build (1.30) has one slot for a suspended call, and a second one would take over the promise of the first.
 *
 * A task must not wait for `inTurn` itself.
 */
export function inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = (line.end ?? Promise.resolve()).then(task);
    line.end = result.catch(() => undefined);
    return result;
}

/** What an error of unknown make says, on one line. */
export function messageOf(error: unknown): string {
    return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] as string;
}
