/** What a page saw and heard, on its way to Node: arrays of numbers as text, which costs a hundredth of JSON. */
export interface PackedRun {
    readonly sampleRate: number;
    /** Page times of the pictures, ms, float64. */
    readonly pages: string;
    /** f_a of the pictures, float32. */
    readonly features: string;
    /** The page's readings of both clocks: page times, ms, and context times heard then, s, float64. */
    readonly pairPages: string;
    readonly pairHeard: string;
    /** What came out of the voice, float32, and the context time of its first sample, s. */
    readonly output: string;
    readonly outputStart: number;
    /** When blocks of the output were rendered: context times, s, and page times, ms, float64. */
    readonly stampContexts: string;
    readonly stampPages: string;
    readonly events: readonly (readonly [number, string])[];
}

/** A run as arrays. */
export interface Run {
    readonly sampleRate: number;
    readonly pages: Float64Array;
    readonly features: Float32Array;
    readonly pairPages: Float64Array;
    readonly pairHeard: Float64Array;
    readonly output: Float32Array;
    readonly outputStart: number;
    readonly stampContexts: Float64Array;
    readonly stampPages: Float64Array;
    readonly events: readonly (readonly [number, string])[];
}

/** Numbers as base64 of their bytes. Works in a page and in Node. */
export function pack(values: Float32Array | Float64Array): string {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    let text = '';
    // A call takes so many arguments and no more.
    for (let at = 0; at < bytes.length; at += 32_768) text += String.fromCharCode(...bytes.subarray(at, at + 32_768));
    return btoa(text);
}

export function unpack32(text: string): Float32Array {
    return new Float32Array(bytesOf(text));
}

export function unpack64(text: string): Float64Array {
    return new Float64Array(bytesOf(text));
}

export function unpackRun(run: PackedRun): Run {
    return {
        ...run,
        pages: unpack64(run.pages),
        features: unpack32(run.features),
        pairPages: unpack64(run.pairPages),
        pairHeard: unpack64(run.pairHeard),
        output: unpack32(run.output),
        stampContexts: unpack64(run.stampContexts),
        stampPages: unpack64(run.stampPages),
    };
}

function bytesOf(text: string): ArrayBuffer {
    const binary = atob(text);
    return Uint8Array.from(binary, (letter) => letter.charCodeAt(0)).buffer;
}
