import { MEL_BANDS } from '../core/index.js';
import {
    FFT_SIZE,
    FRAME_LENGTH,
    HOP,
    LOG_FLOOR,
    MEL_MAX_HZ,
    MEL_MIN_HZ,
    PRE_EMPHASIS,
    FEATURE_RATE,
} from './front-end.js';
import { PowerSpectrum } from './power-spectrum.js';
import { assertSamples } from './samples.js';

/** Number of feature frames of a clip of `sampleCount` samples at 16 kHz. */
export function melFrameCount(sampleCount: number): number {
    return Math.ceil(sampleCount / HOP);
}

/**
 * Streaming log-mel frames: pre-emphasis, 25 ms periodic Hann, 512-point power spectrum, 40 HTK-mel triangles, ln(E + 1e-5).
 *
 * Frame h covers samples [160 h, 160 h + 400) and comes out as soon as they are in. The frames do not depend on how the
 * samples are cut into chunks, to the last bit. Returned arrays are views of memory that the next call overwrites.
 */
export class LogMelStream {
    private readonly gain: number;
    private readonly hann: Float64Array = hannWindow();
    private readonly bank: readonly MelFilter[] = melBank();
    private readonly spectrum: PowerSpectrum = new PowerSpectrum(FFT_SIZE);
    /** Windowed frame, zero from sample 400 on. */
    private readonly frame: Float32Array = new Float32Array(FFT_SIZE);

    /** Pre-emphasised samples that a coming frame still needs; `held[0]` is sample `frameIndex * HOP`. */
    private held: Float32Array = new Float32Array(FRAME_LENGTH + HOP);
    private heldCount = 0;
    private previous = 0;
    private sampleCount = 0;
    private frameIndex = 0;
    private output: Float32Array = new Float32Array(0);

    /** @param gain - factor on the samples; see `speechGain`. */
    public constructor(gain = 1) {
        this.gain = gain;
    }

    /** Forgets all sound, as if newly made. */
    public reset(): void {
        this.heldCount = 0;
        this.previous = 0;
        this.sampleCount = 0;
        this.frameIndex = 0;
    }

    /**
     * @param pcm16k - the next samples, 16 kHz mono, any number.
     * @returns the frames they complete `[count, MEL_BANDS]`.
     * @throws PgsError `AUDIO_FORMAT` - NaN or integer PCM; the state is unchanged then.
     */
    public push(pcm16k: Float32Array): Float32Array {
        assertSamples('LogMelStream.push', pcm16k);
        this.reserve(pcm16k.length);
        const { held, gain } = this;
        for (let i = 0; i < pcm16k.length; i++) {
            const sample = gain * (pcm16k[i] as number);
            held[this.heldCount++] = sample - PRE_EMPHASIS * this.previous;
            this.previous = sample;
        }
        this.sampleCount += pcm16k.length;
        const ready = Math.max(0, Math.floor((this.heldCount - FRAME_LENGTH) / HOP) + 1);
        return this.emit(ready);
    }

    /** Gives the last frames, which reach past the end of the sound and read zeros there, and resets. */
    public flush(): Float32Array {
        const missing = melFrameCount(this.sampleCount) - this.frameIndex;
        this.reserve(FRAME_LENGTH);
        this.held.fill(0, this.heldCount, this.heldCount + FRAME_LENGTH);
        this.heldCount += FRAME_LENGTH;
        const frames = this.emit(missing);
        this.reset();
        return frames;
    }

    private reserve(count: number): void {
        if (this.heldCount + count <= this.held.length) return;
        const grown = new Float32Array(2 * (this.heldCount + count));
        grown.set(this.held.subarray(0, this.heldCount));
        this.held = grown;
    }

    private emit(count: number): Float32Array {
        if (count * MEL_BANDS > this.output.length) this.output = new Float32Array(2 * count * MEL_BANDS);
        for (let h = 0; h < count; h++) this.analyse(h * HOP, h * MEL_BANDS);
        this.held.copyWithin(0, count * HOP, this.heldCount);
        this.heldCount -= count * HOP;
        this.frameIndex += count;
        return this.output.subarray(0, count * MEL_BANDS);
    }

    private analyse(start: number, row: number): void {
        const { held, hann, frame, bank, output } = this;
        for (let i = 0; i < FRAME_LENGTH; i++) frame[i] = (held[start + i] as number) * (hann[i] as number);
        const power = this.spectrum.of(frame);
        for (let band = 0; band < MEL_BANDS; band++) {
            const { firstBin, weights } = bank[band] as MelFilter;
            let energy = 0;
            for (let j = 0; j < weights.length; j++) energy += (weights[j] as number) * (power[firstBin + j] as number);
            output[row + band] = Math.log(energy + LOG_FLOOR);
        }
    }
}

/** One triangle of the mel bank: weights of the bins from `firstBin` on. */
export interface MelFilter {
    readonly firstBin: number;
    readonly weights: Float64Array;
}

/** The 40 HTK-mel triangles, peak 1, edges not rounded to bins (rounding would empty the narrow low bands). */
export function melBank(): MelFilter[] {
    const binHz = FEATURE_RATE / FFT_SIZE;
    const low = hzToMel(MEL_MIN_HZ);
    const stepMel = (hzToMel(MEL_MAX_HZ) - low) / (MEL_BANDS + 1);
    const edgeHz = Array.from({ length: MEL_BANDS + 2 }, (_, i) => melToHz(low + i * stepMel));
    return Array.from({ length: MEL_BANDS }, (_, band) => {
        const [left, peak, right] = edgeHz.slice(band, band + 3) as [number, number, number];
        const firstBin = Math.ceil(left / binHz);
        const lastBin = Math.floor(right / binHz);
        const weights = new Float64Array(lastBin - firstBin + 1);
        for (let j = 0; j < weights.length; j++) {
            const hz = (firstBin + j) * binHz;
            weights[j] = Math.max(0, Math.min((hz - left) / (peak - left), (right - hz) / (right - peak)));
        }
        return { firstBin, weights };
    });
}

function hzToMel(hz: number): number {
    return 2595 * Math.log10(1 + hz / 700);
}

function melToHz(mel: number): number {
    return 700 * (10 ** (mel / 2595) - 1);
}

function hannWindow(): Float64Array {
    return Float64Array.from(
        { length: FRAME_LENGTH },
        (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FRAME_LENGTH),
    );
}
