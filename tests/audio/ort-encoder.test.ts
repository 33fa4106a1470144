import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
    TsEncoder,
    WINDOW_SIZE,
    computeSpeechFeatures,
    decodeWav,
    encoderWeightsFrom,
    estimateFrontEnd,
    initEncoderWeights,
    windowOf,
    writeEncoderOnnx,
    type EncoderWeights,
} from '../../plugin/audio/index.js';
import { FRONT_END_KEY } from '../../plugin/audio/onnx-format.js';
import { readOnnxChain } from '../../plugin/audio/onnx-read.js';
import { OrtEncoder, chooseEncoderAsync } from '../../plugin/audio/ort/index.js';
import {
    AUDIO_FEAT_DIM,
    HOPS_PER_FRAME,
    WINDOW_FRAMES,
    decodeHead,
    type AudioFrontEnd,
} from '../../plugin/core/index.js';
import { attentionOnnx, attentionReference, attentionWeights, type AttentionOptions } from './ort-models.js';
import { noise } from './sounds.js';

const file = (path: string): Uint8Array => readFileSync(new URL(path, import.meta.url));
const clip = decodeWav(file('../fixtures/hello-3s.wav'));
const spoken = estimateFrontEnd(clip.samples, clip.sampleRate);
const head = decodeHead(file('../../sandbox/public/avatars/ava.glb'));
const weights = attentionWeights(3);
const attention = attentionOnnx(weights);

/** Every window of recorded speech. */
function speechWindows(frontEnd: AudioFrontEnd): { windows: Float32Array; count: number } {
    const { mel, frames, silence } = computeSpeechFeatures(clip.samples, clip.sampleRate, frontEnd);
    const count = Math.ceil(frames / HOPS_PER_FRAME);
    const windows = new Float32Array(count * WINDOW_SIZE);
    for (let n = 0; n < count; n++) windowOf(mel, frames, n, windowAt(windows, n), silence);
    return { windows, count };
}

/** The default architecture with seeded biases. */
function defaultOnnx(seed: number, frontEnd: AudioFrontEnd): Uint8Array {
    const init = initEncoderWeights(seed);
    const seeded = encoderWeightsFrom(({ name, shape }) => {
        const [layer, part] = name.split('.') as [keyof EncoderWeights, 'weight' | 'bias'];
        return part === 'weight' ? init[layer].weight : noise(shape[0] as number, 0.1, seed + name.length);
    });
    return writeEncoderOnnx(seeded, frontEnd);
}

/** A chain as its definition reads, in float64: plain loops, nothing shared with the executor. */
function chainReference(onnx: Uint8Array, window: Float32Array): Float64Array {
    let x = Float64Array.from(window);
    let steps: number = WINDOW_FRAMES;
    for (const layer of readOnnxChain(onnx).layers) {
        if (layer.op === 'flatten') steps = 1;
        if (layer.op === 'leaky') x = x.map((value) => (value < 0 ? layer.slope * value : value));
        if (layer.op === 'flatten' || layer.op === 'leaky') continue;
        const { kernel, stride, pad } = layer.op === 'conv' ? layer : { kernel: 1, stride: 1, pad: 0 };
        const stepsOut = Math.floor((steps + 2 * pad - kernel) / stride) + 1;
        const y = new Float64Array(layer.outDim * stepsOut);
        for (let o = 0; o < layer.outDim; o++)
            for (let t = 0; t < stepsOut; t++) {
                let sum = layer.bias[o] as number;
                for (let c = 0; c < layer.inDim; c++)
                    for (let j = 0; j < kernel; j++) {
                        const source = stride * t - pad + j;
                        if (source < 0 || source >= steps) continue;
                        const weight = layer.weight[(o * layer.inDim + c) * kernel + j] as number;
                        sum += weight * (x[c * steps + source] as number);
                    }
                y[o * stepsOut + t] = sum;
            }
        x = y;
        steps = stepsOut;
    }
    return x;
}

function windowAt(windows: Float32Array, n: number): Float32Array {
    return windows.subarray(n * WINDOW_SIZE, (n + 1) * WINDOW_SIZE);
}

function featureAt(features: Float32Array, n: number): Float32Array {
    return features.subarray(n * AUDIO_FEAT_DIM, (n + 1) * AUDIO_FEAT_DIM);
}

async function encodeAll(encoder: OrtEncoder, windows: Float32Array, count: number): Promise<Float32Array> {
    const out = new Float32Array(count * AUDIO_FEAT_DIM);
    await encoder.encode(windows, count, out);
    return out;
}

/** Options for a file that declares a front end. */
function declared(frontEnd: unknown): AttentionOptions {
    return { metadata: { [FRONT_END_KEY]: JSON.stringify(frontEnd) } };
}

function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
    expect(a.length).toBe(b.length);
    let worst = 0;
    for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs((a[i] as number) - (b[i] as number)));
    return worst;
}

function maxAbs(values: Float32Array): number {
    return values.reduce((worst, value) => Math.max(worst, Math.abs(value)), 0);
}

describe('onnxruntime-web and the plain executor', () => {
    // The bar is 1e-6 absolute. A trained f_a is small and keeps it by far: measured 1.7e-8 on values up to 0.11. Untrained
    // weights give values up to 6.8, where one float32 step is 4.8e-7: measured 8.5e-7 of the range, of which 9.2e-7 are
    // onnxruntime's float32 sums.
    it.each([
        { what: "the shipped avatar's encoder", onnx: head.encoderOnnx, frontEnd: head.audio, bound: () => 2.5e-8 },
        {
            what: 'the default architecture (seed 5)',
            onnx: defaultOnnx(5, spoken),
            frontEnd: spoken,
            bound: (range: number) => 1.3e-6 * range,
        },
    ])('agree on recorded speech: $what', async ({ onnx, frontEnd, bound }) => {
        const { windows, count } = speechWindows(frontEnd);
        const plain = new Float32Array(count * AUDIO_FEAT_DIM);
        TsEncoder.fromOnnx(onnx).encode(windows, count, plain);
        const encoder = await OrtEncoder.createAsync(onnx);
        expect(encoder.frontEnd).toEqual(frontEnd);
        const theirs = await encodeAll(encoder, windows, count);
        await encoder.dispose();
        const exact = new Float64Array(count * AUDIO_FEAT_DIM);
        for (let n = 0; n < count; n++) exact.set(chainReference(onnx, windowAt(windows, n)), n * AUDIO_FEAT_DIM);
        expect(maxDifference(plain, theirs)).toBeLessThan(bound(maxAbs(plain)));
        // Measured 4.8e-9 and 8.6e-7: the difference is the runtime's, not ours.
        expect(maxDifference(plain, exact)).toBeLessThan(1e-6);
        expect(maxDifference(plain, exact)).toBeLessThan(0.3 * maxDifference(theirs, exact));
    });
});

describe('an encoder that is no chain', () => {
    const windows = noise(70 * WINDOW_SIZE, 1, 11);

    it('runs as its definition reads, whole or one by one (seed 11)', async () => {
        expect(() => TsEncoder.fromOnnx(attention)).toThrow(/MatMul/);
        const free = await OrtEncoder.createAsync(attention);
        const single = await OrtEncoder.createAsync(attentionOnnx(weights, { batch: 1 }));
        const [whole, apart] = [await encodeAll(free, windows, 70), await encodeAll(single, windows, 70)];
        for (let n = 0; n < 70; n++) {
            const exact = attentionReference(weights, windowAt(windows, n));
            // Measured 5.0e-7 on values up to 1.1.
            expect(maxDifference(featureAt(whole, n), exact)).toBeLessThan(7.5e-7);
            expect(maxDifference(featureAt(apart, n), exact)).toBeLessThan(7.5e-7);
        }
        expect(free.provider).toEqual({ name: 'wasm', reason: 'no device was given' });
        expect(free.frontEnd).toBeNull();
        await Promise.all([free.dispose(), single.dispose()]);
    });

    it('answers calls in their order, with the windows that were there at the call (seed 12)', async () => {
        const encoders = await Promise.all([OrtEncoder.createAsync(attention), OrtEncoder.createAsync(attention)]);
        const expected = await encodeAll(encoders[0] as OrtEncoder, noise(6 * WINDOW_SIZE, 1, 12), 6);
        const shared = new Float32Array(WINDOW_SIZE);
        const outs = Array.from({ length: 6 }, () => new Float32Array(AUDIO_FEAT_DIM));
        const order: number[] = [];
        await Promise.all(
            outs.map((out, n) => {
                shared.set(windowAt(noise(6 * WINDOW_SIZE, 1, 12), n));
                const encoded = (encoders[n % 2] as OrtEncoder).encode(shared, 1, out);
                return encoded.then(() => order.push(n));
            }),
        );
        expect(order).toEqual([0, 1, 2, 3, 4, 5]);
        outs.forEach((out, n) => expect(maxDifference(out, featureAt(expected, n))).toBeLessThan(1e-6));
        await Promise.all(encoders.map((encoder) => encoder.dispose()));
    });

    it('encodes no windows to nothing', async () => {
        const encoder = await OrtEncoder.createAsync(attention);
        await encoder.encode(windows, 0, new Float32Array(0));
        await encoder.dispose();
    });

    it('is disposed once, after calls in progress, and refuses later ones', async () => {
        const encoder = await OrtEncoder.createAsync(attention);
        const last = encodeAll(encoder, windows, 2);
        const disposals = [encoder.dispose(), encoder.dispose()];
        expect((await last).every((value) => value !== 0)).toBe(true);
        await Promise.all(disposals);
        await expect(encodeAll(encoder, windows, 1)).rejects.toMatchObject({ code: 'DISPOSED' });
    });

    it('falls back to the CPU where there is no WebGPU, and says why', async () => {
        const device = { lost: new Promise(() => undefined) } as unknown as GPUDevice;
        const encoder = await OrtEncoder.createAsync(attention, { device });
        expect(encoder.provider.name).toBe('wasm');
        expect(encoder.provider.reason).toMatch(/^the given device cannot be used: .*WebGPU is not supported/);
        expect(maxAbs(await encodeAll(encoder, windows, 2))).toBeGreaterThan(0);
        await encoder.dispose();
    });
});

describe('OrtEncoder refuses', () => {
    const contract: readonly { readonly what: string; readonly options: AttentionOptions; readonly says: RegExp }[] = [
        { what: 'another number of bands', options: { melBands: 80 }, says: /\[N, 40, 32\] .*got "windows" float32 \[N, 80, 32\]/ },
        { what: 'another number of outputs', options: { outDim: 16 }, says: /one output, float32 \[N, 32\] .*"audioFeat" float32 \[N, 16\]/ },
        { what: 'a batch of 4', options: { batch: 4 }, says: /N free or 1, got "windows" float32 \[4, 40, 32\]/ },
        { what: 'half floats', options: { isHalf: true }, says: /got "windows" float16 \[N, 40, 32\]/ },
        { what: 'two outputs', options: { isTwofold: true }, says: /one output, .*got "audioFeat" .* and "attention" / },
        { what: 'an encoder that gives NaN', options: { isPoisoned: true }, says: /finite f_a .*got NaN/ },
        { what: 'a front end of another hop', options: declared({ ...spoken, hop: 320 }), says: /audio.hop: expected 160, got 320/ },
        { what: 'a front end that is no object', options: declared(null), says: /JSON object as metadata "pgs.frontEnd", got "null"/ },
    ]; // prettier-ignore

    it.each(contract)('$what', async ({ options, says }) => {
        const onnx = attentionOnnx(
            options.outDim === undefined ? weights : attentionWeights(3, options.outDim),
            options,
        );
        await expect(OrtEncoder.createAsync(onnx)).rejects.toMatchObject({
            code: 'ENCODER_UNSUPPORTED',
            message: expect.stringMatching(says) as string,
        });
    });

    it('a file that is no ONNX, and one that is cut off', async () => {
        for (const bytes of [new TextEncoder().encode('glTF nonsense'), attention.subarray(0, 900)]) {
            await expect(OrtEncoder.createAsync(bytes)).rejects.toMatchObject({ code: 'ENCODER_UNSUPPORTED' });
        }
    });

    it('a graph that onnxruntime cannot run', async () => {
        const bad = attention.slice();
        bad.set(new TextEncoder().encode('Softmux'), new TextDecoder('latin1').decode(attention).indexOf('Softmax'));
        await expect(OrtEncoder.createAsync(bad)).rejects.toMatchObject({
            code: 'ENCODER_UNSUPPORTED',
            message: expect.stringMatching(/to run the file, got ".*Softmux/) as string,
        });
    });

    it('windows with NaN, and arrays too short for the batch; the next call works', async () => {
        const encoder = await OrtEncoder.createAsync(attention);
        const out = new Float32Array(AUDIO_FEAT_DIM);
        const poisoned = noise(WINDOW_SIZE, 1, 1);
        poisoned[7] = Number.NaN;
        await expect(encoder.encode(poisoned, 1, out)).rejects.toMatchObject({
            code: 'AUDIO_FORMAT',
            message: expect.stringMatching(/got NaN at 7/) as string,
        });
        await expect(encoder.encode(poisoned, 2, out)).rejects.toMatchObject({ code: 'AUDIO_FORMAT' });
        expect(maxAbs(out)).toBe(0);
        await encoder.encode(noise(WINDOW_SIZE, 1, 1), 1, out);
        expect(maxAbs(out)).toBeGreaterThan(0);
        await encoder.dispose();
    });
});

describe('chooseEncoderAsync', () => {
    afterEach(() => {
        vi.doUnmock('onnxruntime-web/wasm');
        vi.resetModules();
    });

    it('takes the plain executor for a chain, and onnxruntime-web for the rest', async () => {
        expect(await chooseEncoderAsync(head.encoderOnnx)).toBeInstanceOf(TsEncoder);
        const encoder = await chooseEncoderAsync(attention);
        expect(encoder).toBeInstanceOf(OrtEncoder);
        await (encoder as OrtEncoder).dispose();
    });

    it('does not need onnxruntime-web for a chain, and names the cure where the package is missing', async () => {
        vi.doMock('onnxruntime-web/wasm', () => {
            throw new Error('Cannot find package');
        });
        expect(await chooseEncoderAsync(head.encoderOnnx)).toBeInstanceOf(TsEncoder);
        await expect(chooseEncoderAsync(attention)).rejects.toMatchObject({
            code: 'ENCODER_UNSUPPORTED',
            message: expect.stringMatching(/optional package onnxruntime-web.*npm install onnxruntime-web/) as string,
        });
    });

    it('says why neither runs a file', async () => {
        const error: unknown = await chooseEncoderAsync(attentionOnnx(weights, { batch: 4 })).catch((e: unknown) => e);
        expect(error).toMatchObject({
            message: expect.stringMatching(/N free or 1/) as string,
            cause: { message: expect.stringMatching(/MatMul/) as string },
        });
    });
});
