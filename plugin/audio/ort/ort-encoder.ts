import { AUDIO_FEAT_DIM, PgsError, type AudioFrontEnd } from '../../core/index.js';
import type { AudioEncoder } from '../encoder.js';
import { WINDOW_SIZE } from '../windows.js';
import { readFrontEnd } from './contract.js';
import { inTurn, loadOrtAsync, messageOf, type OrtModule, type OrtOptions } from './ort-runtime.js';
import { openOnCpu, openOnDevice, type EncoderProvider, type EncoderSession } from './ort-session.js';
import { watchLoss, type DeviceLoss } from './shared-device.js';

/**
 * Runs any ONNX file of the declared contract with onnxruntime-web, an optional package that is loaded at creation.
 *
 * The contract: one input, float32 [N, MEL_BANDS, WINDOW_FRAMES]; one output, float32 [N, AUDIO_FEAT_DIM]; each N free, or
 * 1, and then windows run one by one. Metadata `pgs.frontEnd` is optional; where it is there, it is a front end of this
 * version. Outputs are finite.
 *
 * A device that onnxruntime-web cannot use, or that fails or is lost later, is replaced by the CPU for good: see
 * `provider`. The caller keeps the device, and disposes the encoder.
 */
export class OrtEncoder implements AudioEncoder {
    /** The front end that the file declares, checked; null where it declares none. */
    public readonly frontEnd: AudioFrontEnd | null;
    private readonly ort: OrtModule;
    private readonly onnx: Uint8Array;
    private readonly loss: DeviceLoss;
    private session: EncoderSession;
    private isDisposed = false;

    private constructor(parts: Parts) {
        this.frontEnd = parts.frontEnd;
        this.ort = parts.ort;
        this.onnx = parts.onnx;
        this.loss = parts.loss;
        this.session = parts.session;
    }

    /**
     * Loads onnxruntime-web, opens the file and proves the contract with a trial run: 0.5 s for the first encoder of a page,
     * 20 ms for later ones; with a device several seconds, while shaders compile.
     *
     * @param onnx - kept, in case that the device is lost; do not write to it.
     * @throws PgsError `ENCODER_UNSUPPORTED` - onnxruntime-web is not installed, cannot start, or cannot run the file; the
     *   file breaks the contract. `ASSET_VALUE` - the normalisation of its front end is malformed.
     */
    public static async createAsync(onnx: Uint8Array, options: OrtOptions = {}): Promise<OrtEncoder> {
        const frontEnd = readFrontEnd(onnx);
        const { device } = options;
        const ort = await loadOrtAsync(options);
        if (device === undefined) {
            const session = await inTurn(() => openOnCpu(ort, onnx, 'no device was given'));
            return new OrtEncoder({ frontEnd, ort, onnx, loss: { reason: undefined }, session });
        }
        const loss = watchLoss(device);
        const session = await inTurn(() =>
            openOnDevice(ort, onnx, device).catch((error: unknown) =>
                openOnCpu(ort, onnx, `the given device cannot be used: ${messageOf(error)}`),
            ),
        );
        return new OrtEncoder({ frontEnd, ort, onnx, loss, session });
    }

    /** What runs the encoder now, and why. */
    public get provider(): EncoderProvider {
        return this.session.provider;
    }

    /**
     * Calls run one after another, in their order.
     *
     * @param windows - copied before this returns.
     * @param out - written when the promise resolves, whole or, when it rejects, not at all.
     * @throws PgsError `AUDIO_FORMAT` - an array is too short, or a window holds NaN. `ENCODER_UNSUPPORTED` - the encoder
     *   gave NaN. `DISPOSED`.
     */
    public async encode(windows: Float32Array, count: number, out: Float32Array): Promise<void> {
        if (this.isDisposed) {
            throw new PgsError(
                'DISPOSED',
                'OrtEncoder.encode: expected a live encoder, got a disposed one. Create another.',
            );
        }
        if (windows.length < count * WINDOW_SIZE || out.length < count * AUDIO_FEAT_DIM) {
            throw new PgsError(
                'AUDIO_FORMAT',
                `OrtEncoder.encode: expected ${count * WINDOW_SIZE} inputs and ${count * AUDIO_FEAT_DIM} outputs for ${count} windows, ` +
                    `got ${windows.length} and ${out.length}. Size the arrays by WINDOW_SIZE and AUDIO_FEAT_DIM.`,
            );
        }
        const copy = windows.slice(0, count * WINDOW_SIZE);
        out.set(await inTurn(() => this.run(copy)));
    }

    /** Gives the session back once earlier calls are done; later ones fail. The device stays. Never rejects. */
    public async dispose(): Promise<void> {
        if (this.isDisposed) return;
        this.isDisposed = true;
        await inTurn(() => this.session.release()).catch(() => undefined);
    }

    private async run(windows: Float32Array): Promise<Float32Array> {
        if (this.provider.name === 'wasm') return this.session.encode(windows);
        let failure = this.loss.reason;
        if (failure === undefined) {
            try {
                const out = await this.session.encode(windows);
                // What a device left behind when it was lost in mid-run may be anything.
                failure = this.loss.reason;
                if (failure === undefined) return out;
            } catch (error) {
                failure = this.loss.reason;
                if (failure === undefined && error instanceof PgsError) throw error;
                failure ??= `the device failed: ${messageOf(error)}`;
            }
        }
        const onDevice = this.session;
        this.session = await openOnCpu(this.ort, this.onnx, failure);
        // Best effort: what belonged to a lost device may be gone already.
        await onDevice.release().catch(() => undefined);
        return this.session.encode(windows);
    }
}

interface Parts {
    readonly frontEnd: AudioFrontEnd | null;
    readonly ort: OrtModule;
    readonly onnx: Uint8Array;
    readonly loss: DeviceLoss;
    readonly session: EncoderSession;
}
