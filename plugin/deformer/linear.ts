/** A range of input columns of a linear layer `[outDim, inDim]`, row-major: what one part of a concatenated input sees. */
export interface LayerColumns {
    readonly weight: Float32Array;
    readonly inDim: number;
    /** First column of the range; its length is the length of the input. */
    readonly first: number;
}

/**
 * Adds a layer's answer to one part of its input: `out[o] += sum_k weight[o, first + k] * input[k]`.
 *
 * @param input - the part, contiguous. Its columns are `first .. first + input.length`.
 * @param out - `[outDim]`, in and out: holds the bias, zeros or another part's answer before.
 */
export function addColumns(columns: LayerColumns, input: ArrayLike<number>, out: Float32Array | Float64Array): void {
    const { weight, inDim, first } = columns;
    const outDim = weight.length / inDim;
    for (let o = 0; o < outDim; o++) {
        let sum = out[o] as number;
        const row = o * inDim + first;
        for (let k = 0; k < input.length; k++) sum += (weight[row + k] as number) * (input[k] as number);
        out[o] = sum;
    }
}

/** A whole layer: `out = weight * input + bias`. */
export function affine(
    weight: Float32Array,
    bias: Float32Array,
    input: ArrayLike<number>,
    out: Float32Array | Float64Array,
): void {
    out.set(bias);
    addColumns({ weight, inDim: input.length, first: 0 }, input, out);
}

/** Logistic function, the gate of Eqs. 6 and 8. */
export function sigmoid(x: number): number {
    return 1 / (1 + Math.exp(-x));
}
