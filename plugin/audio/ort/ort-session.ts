import type { InferenceSession, Tensor } from 'onnxruntime-web';
import { AUDIO_FEAT_DIM, MEL_BANDS, PgsError, WINDOW_FRAMES } from '../../core/index.js';
import { WINDOW_SIZE } from '../windows.js';
import { portsOf, refuse, type EncoderPorts } from './contract.js';
import { messageOf, type OrtModule } from './ort-runtime.js';
import { isBufferOf } from './shared-device.js';

/** What runs an encoder, and why. */
export interface EncoderProvider {
    readonly name: 'wasm' | 'webgpu';
    /** For people to read, e.g. that the device was lost. */
    readonly reason: string;
}

/** An open session that kept the contract in a trial run. It is opened and called inside `inTurn`. */
export interface EncoderSession {
    readonly provider: EncoderProvider;
    /**
     * @param windows - `[count, MEL_BANDS, WINDOW_FRAMES]`, no more.
     * @returns `[count, AUDIO_FEAT_DIM]`, finite.
     * @throws PgsError `ENCODER_UNSUPPORTED` - the encoder gave another shape, NaN or infinity. `AUDIO_FORMAT` - the
     *   windows hold NaN or infinity.
     */
    encode(windows: Float32Array): Promise<Float32Array>;
    release(): Promise<void>;
}

/** Most windows in one run; measured 0.12 ms a window one by one, 0.04 by 25, 0.05 by 250, where memory keeps growing. */
const MAX_BATCH = 32;
/** Windows of the trial: two, so that a net that only pretends to a free N is found out. */
const TRIAL_COUNT = 2;
/** Of onnxruntime-web: errors come as exceptions too; warnings, one for each operator off the GPU, go to the console. */
const ERRORS_ONLY = 3;

/**
 * Opens a session on the CPU. There is nothing to fall back to from here, so its failures are final and told as ours.
 *
 * @throws PgsError `ENCODER_UNSUPPORTED` - the contract is broken, or onnxruntime-web cannot start or run the file.
 */
export async function openOnCpu(ort: OrtModule, onnx: Uint8Array, reason: string): Promise<EncoderSession> {
    const options = { executionProviders: ['wasm'], logSeverityLevel: ERRORS_ONLY } as const;
    const session = await explained(ort.InferenceSession.create(onnx, options));
    const encoder = await explained(tried(ort, session, { name: 'wasm', reason }, async () => undefined));
    return { ...encoder, encode: (windows) => explained(encoder.encode(windows)) };
}

/**
 * Opens a session on a device, and proves that it computes on this one.
 *
 * @throws PgsError `ENCODER_UNSUPPORTED` - the contract is broken. Whatever onnxruntime-web throws, and an `Error` when it
 *   computes elsewhere.
 */
export async function openOnDevice(ort: OrtModule, onnx: Uint8Array, device: GPUDevice): Promise<EncoderSession> {
    // Version 1.30 takes the provider's option and ignores this one; later versions are announced to do the reverse.
    ort.env.webgpu.device = device;
    const session = await ort.InferenceSession.create(onnx, {
        executionProviders: [{ name: 'webgpu', device }],
        // Outputs stay in a buffer, by which the device is known.
        preferredOutputLocation: 'gpu-buffer',
        logSeverityLevel: ERRORS_ONLY,
    });
    return tried(ort, session, { name: 'webgpu', reason: 'runs on the given device' }, async (output) => {
        if (output.location === 'gpu-buffer' && (await isBufferOf(device, output.gpuBuffer as GPUBuffer))) return;
        throw new Error(`the output is on ${output.location === 'gpu-buffer' ? 'another device' : output.location}`);
    });
}

/** The session behind our interface after a trial run; releases it when that fails. */
async function tried(
    ort: OrtModule,
    session: InferenceSession,
    provider: EncoderProvider,
    check: (output: Tensor) => Promise<void>,
): Promise<EncoderSession> {
    try {
        const ports = portsOf(session);
        const trial = Float32Array.from({ length: TRIAL_COUNT * WINDOW_SIZE }, (_, i) => Math.sin(i));
        await run(ort, session, ports, trial, check);
        return {
            provider,
            encode: (windows) => run(ort, session, ports, windows, async () => undefined),
            release: () => session.release(),
        };
    } catch (error) {
        await session.release().catch(() => undefined);
        throw error;
    }
}

async function run(
    ort: OrtModule,
    session: InferenceSession,
    ports: EncoderPorts,
    windows: Float32Array,
    check: (output: Tensor) => Promise<void>,
): Promise<Float32Array> {
    const count = windows.length / WINDOW_SIZE;
    const out = new Float32Array(count * AUDIO_FEAT_DIM);
    const step = ports.isBatched ? MAX_BATCH : 1;
    for (let first = 0; first < count; first += step) {
        const batch = Math.min(step, count - first);
        const input = windows.subarray(first * WINDOW_SIZE, (first + batch) * WINDOW_SIZE);
        const feeds = { [ports.input]: new ort.Tensor('float32', input, [batch, MEL_BANDS, WINDOW_FRAMES]) };
        const output = (await session.run(feeds))[ports.output] as Tensor;
        try {
            if (output.dims.join() !== `${batch},${AUDIO_FEAT_DIM}`)
                throw refuse(`[${batch}, ${AUDIO_FEAT_DIM}] for ${batch} windows`, `[${output.dims.join(', ')}]`);
            await check(output);
            out.set((await output.getData()) as Float32Array, first * AUDIO_FEAT_DIM);
        } finally {
            output.dispose();
        }
    }
    if (!out.every(Number.isFinite)) throw blame(windows, out);
    return out;
}

/** Who is at fault for an f_a that is not finite. */
function blame(windows: Float32Array, out: Float32Array): PgsError {
    const at = windows.findIndex((value) => !Number.isFinite(value));
    if (at < 0) return refuse('finite f_a for finite windows', `${out.find((value) => !Number.isFinite(value))}`);
    return new PgsError(
        'AUDIO_FORMAT',
        `OrtEncoder.encode: expected finite windows, got ${windows[at]} at ${at}. Leave frames that are not finite out.`,
    );
}

async function explained<T>(result: Promise<T>): Promise<T> {
    try {
        return await result;
    } catch (error) {
        if (error instanceof PgsError) throw error;
        throw new PgsError(
            'ENCODER_UNSUPPORTED',
            `audio encoder: expected onnxruntime-web to run the file, got "${messageOf(error)}". ` +
                'Check its operators, and that the page can fetch the .wasm file (wasmPaths).',
            { cause: error },
        );
    }
}
