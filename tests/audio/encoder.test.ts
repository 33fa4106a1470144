import * as ort from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import {
    DEFAULT_FRONT_END,
    ENCODER_LAYERS,
    TsEncoder,
    WINDOW_SIZE,
    encoderWeightsFrom,
    initEncoderWeights,
    writeEncoderOnnx,
    type EncoderWeights,
} from '../../plugin/audio/index.js';
import { AUDIO_FEAT_DIM, LEAKY_SLOPE, MEL_BANDS, WINDOW_FRAMES, type AudioFrontEnd } from '../../plugin/core/index.js';
import { noise, testFrontEnd } from './sounds.js';

/** Seeded weights with seeded biases, so that biases are tested too. */
function weightsOf(seed: number): EncoderWeights {
    const init = initEncoderWeights(seed);
    return encoderWeightsFrom(({ name, shape }) => {
        const [layer, part] = name.split('.') as [keyof EncoderWeights, 'weight' | 'bias'];
        return part === 'weight' ? init[layer].weight : noise(shape[0] as number, 0.1, seed + name.length);
    });
}

/** The encoder as its definition reads, in float64: plain loops, nothing shared with the executor. */
function encodeReference(weights: EncoderWeights, window: Float32Array): Float64Array {
    let x = Float64Array.from(window);
    let steps = WINDOW_FRAMES;
    for (const { name, kind, outDim, inDim } of ENCODER_LAYERS) {
        const { weight, bias } = weights[name];
        const isConv = kind === 'conv';
        const stepsOut = isConv ? steps / 2 : 1;
        const y = new Float64Array(outDim * stepsOut);
        for (let o = 0; o < outDim; o++)
            for (let t = 0; t < stepsOut; t++) {
                let sum = bias[o] as number;
                for (let c = 0; c < inDim; c++) {
                    if (!isConv) sum += (weight[o * inDim + c] as number) * (x[c] as number);
                    for (let j = 0; isConv && j < 3; j++) {
                        const source = 2 * t - 1 + j;
                        if (source >= 0 && source < steps)
                            sum += (weight[(o * inDim + c) * 3 + j] as number) * (x[c * steps + source] as number);
                    }
                }
                y[o * stepsOut + t] = name !== 'fc1' && sum < 0 ? LEAKY_SLOPE * sum : sum;
            }
        x = y;
        steps = stepsOut;
    }
    return x;
}

function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
    expect(a.length).toBe(b.length);
    let worst = 0;
    for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs((a[i] as number) - (b[i] as number)));
    return worst;
}

describe('audio encoder', () => {
    it('agrees with the float64 definition to 1e-6 (seeds 1, 2, 3)', () => {
        for (const seed of [1, 2, 3]) {
            const weights = weightsOf(seed);
            const windows = noise(3 * WINDOW_SIZE, 1.5, seed);
            const out = new Float32Array(3 * AUDIO_FEAT_DIM);
            TsEncoder.fromOnnx(writeEncoderOnnx(weights, testFrontEnd())).encode(windows, 3, out);
            for (let n = 0; n < 3; n++) {
                const expected = encodeReference(weights, windows.subarray(n * WINDOW_SIZE, (n + 1) * WINDOW_SIZE));
                // Measured worst case 4.2e-7 on values up to 3.6.
                expect(
                    maxDifference(out.subarray(n * AUDIO_FEAT_DIM, (n + 1) * AUDIO_FEAT_DIM), expected),
                ).toBeLessThan(1e-6);
            }
        }
    });

    it('agrees with onnxruntime-web to 1e-6 on the same file, any batch size', async () => {
        ort.env.wasm.numThreads = 1;
        const bytes = writeEncoderOnnx(weightsOf(5), testFrontEnd());
        const session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
        const encoder = TsEncoder.fromOnnx(bytes);
        for (const count of [1, 7]) {
            const windows = noise(count * WINDOW_SIZE, 1, 5);
            const { audioFeat } = await session.run({
                windows: new ort.Tensor('float32', windows, [count, MEL_BANDS, WINDOW_FRAMES]),
            });
            const out = new Float32Array(count * AUDIO_FEAT_DIM);
            encoder.encode(windows, count, out);
            expect(audioFeat?.dims).toEqual([count, AUDIO_FEAT_DIM]);
            // 1e-6 of the output's range. These outputs reach 5, where one float32 step is 4.8e-7 and the runtime's own
            // float32 sums are 1.2e-6 from the float64 definition; a trained encoder's f_a is smaller.
            const range = Math.max(1, ...out.map(Math.abs));
            expect(maxDifference(out, audioFeat?.data as Float32Array)).toBeLessThan(1e-6 * range);
        }
        await session.release();
    });

    it('carries its front end', () => {
        const frontEnd = testFrontEnd();
        expect(TsEncoder.fromOnnx(writeEncoderOnnx(initEncoderWeights(1), frontEnd)).frontEnd).toEqual(frontEnd);
    });

    it('is written to the same bytes from the same weights', () => {
        const write = (): Uint8Array => writeEncoderOnnx(initEncoderWeights(9), testFrontEnd());
        expect(Buffer.compare(write(), write())).toBe(0);
    });

    it('takes less than 1 ms a window', () => {
        const encoder = TsEncoder.fromOnnx(writeEncoderOnnx(initEncoderWeights(1), testFrontEnd()));
        const windows = noise(100 * WINDOW_SIZE, 1, 1);
        const out = new Float32Array(100 * AUDIO_FEAT_DIM);
        const times: number[] = [];
        for (let run = 0; run < 12; run++) {
            const start = performance.now();
            encoder.encode(windows, 100, out);
            times.push((performance.now() - start) / 100);
        }
        // Measured 0.11 ms; a timing in a test can only guard against a change of order.
        expect(Math.min(...times)).toBeLessThan(1);
    });
});

describe('audio encoder refuses', () => {
    const good = writeEncoderOnnx(initEncoderWeights(1), testFrontEnd());
    const unsupported = expect.objectContaining({ code: 'ENCODER_UNSUPPORTED' }) as Error;

    it('every truncation of a file', () => {
        for (let length = 0; length < good.length; length += 997) {
            expect(() => TsEncoder.fromOnnx(good.subarray(0, length))).toThrow(unsupported);
        }
    });

    it('or reads, but never crashes on, a file with a flipped byte (400 positions)', () => {
        for (let at = 0; at < 400; at++) {
            const bad = good.slice();
            const position = at < 200 ? at : good.length - 1 - (at - 200) * 7;
            bad[position] = (bad[position] as number) ^ 0xff;
            try {
                TsEncoder.fromOnnx(bad);
            } catch (error) {
                expect(error).toEqual(unsupported);
            }
        }
    });

    it('an operator it does not know', () => {
        const text = new TextDecoder('latin1').decode(good);
        const bad = good.slice();
        bad.set(new TextEncoder().encode('Tanh'), text.indexOf('Gemm'));
        expect(() => TsEncoder.fromOnnx(bad)).toThrow(/got Tanh/);
    });

    it('a file of 40 MB without reading it', () => {
        expect(() => TsEncoder.fromOnnx(new Uint8Array(40 << 20))).toThrow(unsupported);
    });

    it('weights of a wrong shape or with NaN', () => {
        const weights = initEncoderWeights(1);
        const short = { ...weights, fc1: { ...weights.fc1, weight: new Float32Array(5) } };
        expect(() => writeEncoderOnnx(short, testFrontEnd())).toThrow(/fc1.weight: expected 32 x 64/);
        const poisoned = { ...weights, conv2: { ...weights.conv2, bias: new Float32Array(64).fill(Number.NaN) } };
        expect(() => writeEncoderOnnx(poisoned, testFrontEnd())).toThrow(/conv2.bias\[0\]/);
    });

    it('a front end it does not implement', () => {
        const other = { ...testFrontEnd(), hop: 320 } as AudioFrontEnd;
        expect(() => writeEncoderOnnx(initEncoderWeights(1), other)).toThrow(/audio.hop: expected 160, got 320/);
        expect(DEFAULT_FRONT_END.hop).toBe(160);
    });

    it('arrays too short for the batch', () => {
        const encoder = TsEncoder.fromOnnx(good);
        expect(() => encoder.encode(new Float32Array(10), 1, new Float32Array(AUDIO_FEAT_DIM))).toThrow(
            /expected 1280 inputs/,
        );
    });
});
