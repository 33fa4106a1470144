import { AUDIO_FEAT_DIM, MEL_BANDS, WINDOW_FRAMES, assertFinite, assertShape, type TensorSpec } from '../core/index.js';

/** One layer of the audio encoder. A convolution has kernel 3, stride 2, padding 1 over time; a leaky ReLU follows all but `fc1`. */
export interface EncoderLayer {
    readonly name: 'conv0' | 'conv1' | 'conv2' | 'conv3' | 'fc0' | 'fc1';
    readonly kind: 'conv' | 'linear';
    readonly outDim: number;
    readonly inDim: number;
}

/** Taps of every convolution. */
export const CONV_KERNEL = 3;
/** Time steps left after four halvings of the window. */
const LAST_STEPS: number = WINDOW_FRAMES / 16;

/** The audio encoder, first layer first: window `[MEL_BANDS, WINDOW_FRAMES]` to f_a `[AUDIO_FEAT_DIM]`. */
export const ENCODER_LAYERS: readonly EncoderLayer[] = [
    { name: 'conv0', kind: 'conv', outDim: 32, inDim: MEL_BANDS },
    { name: 'conv1', kind: 'conv', outDim: 32, inDim: 32 },
    { name: 'conv2', kind: 'conv', outDim: 64, inDim: 32 },
    { name: 'conv3', kind: 'conv', outDim: 64, inDim: 64 },
    // Reads conv3's output `[64, 2]` flattened row-major: channel, then time.
    { name: 'fc0', kind: 'linear', outDim: 64, inDim: 64 * LAST_STEPS },
    { name: 'fc1', kind: 'linear', outDim: AUDIO_FEAT_DIM, inDim: 64 },
];

/** The encoder's tensors by layer: weight `[out, in, 3]` or `[out, in]` row-major, bias `[out]`. */
export type EncoderWeights = Readonly<
    Record<EncoderLayer['name'], { readonly weight: Float32Array; readonly bias: Float32Array }>
>;

/** `conv0.weight`, `conv0.bias`, ... `fc1.bias`: names and shapes in the order in which a flat parameter vector holds them. */
export function encoderTensors(): TensorSpec[] {
    return ENCODER_LAYERS.flatMap(({ name, kind, outDim, inDim }) => [
        { name: `${name}.weight`, shape: kind === 'conv' ? [outDim, inDim, CONV_KERNEL] : [outDim, inDim] },
        { name: `${name}.bias`, shape: [outDim] },
    ]);
}

/** Builds the weights layer by layer from a function that gives each tensor of {@link encoderTensors}. */
export function encoderWeightsFrom(tensor: (spec: TensorSpec) => Float32Array): EncoderWeights {
    const specs = encoderTensors();
    const entries = ENCODER_LAYERS.map(({ name }, i) => {
        const weight = tensor(specs[2 * i] as TensorSpec);
        const bias = tensor(specs[2 * i + 1] as TensorSpec);
        return [name, { weight, bias }] as const;
    });
    return Object.fromEntries(entries) as EncoderWeights;
}

/** Seeded weights, normal with deviation sqrt(2 / fan-in), biases zero: for tests and the start of training. */
export function initEncoderWeights(seed: number): EncoderWeights {
    const uniform = mulberry32(seed);
    return encoderWeightsFrom(({ name, shape }) => {
        const size = shape.reduce((product, dim) => product * dim, 1);
        const tensor = new Float32Array(size);
        if (name.endsWith('.bias')) return tensor;
        const deviation = Math.sqrt(2 / (size / (shape[0] as number)));
        // Box-Muller; 1 - u keeps the logarithm finite.
        for (let i = 0; i < size; i++) {
            tensor[i] = deviation * Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
        }
        return tensor;
    });
}

/** @throws PgsError `ASSET_SHAPE` or `ASSET_VALUE` - names the tensor. */
export function assertEncoderWeights(weights: EncoderWeights): void {
    const cure = 'Export the head again.';
    encoderWeightsFrom(({ name, shape }) => {
        const [layer, part] = name.split('.') as [EncoderLayer['name'], 'weight' | 'bias'];
        const tensor = weights[layer][part];
        const rows = shape[0] as number;
        const cols = shape.slice(1).reduce((product, dim) => product * dim, 1);
        assertShape('ASSET_SHAPE', `audio encoder ${name}`, tensor, rows, cols, cure);
        assertFinite('ASSET_VALUE', `audio encoder ${name}`, tensor, cure);
        return tensor;
    });
}

/** Small seeded generator, uniform in [0, 1). */
function mulberry32(seed: number): () => number {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
}
