/** How samples lie in a stream: little-endian, channels interleaved. */
export interface PcmLayout {
    readonly encoding: 's16' | 'f32';
    /** 1 or more; they are averaged. */
    readonly channels: number;
}

/** Turns bytes into samples, however they are cut. */
export interface PcmReader {
    /** @returns mono samples -1..1, all that are complete, in memory of their own; non-finite ones become 0. */
    read(bytes: Uint8Array): Float32Array;
    /** Bytes of a sample that is not complete yet. */
    pending(): number;
}

/** Holds at most one incomplete frame between calls. */
export function pcmReader({ encoding, channels }: PcmLayout): PcmReader {
    const width = encoding === 's16' ? 2 : 4;
    const frame = width * channels;
    let kept: Uint8Array = new Uint8Array(0);
    return {
        read(bytes) {
            const all = joined(kept, bytes);
            const view = new DataView(all.buffer, all.byteOffset, all.byteLength);
            const samples = new Float32Array(Math.floor(all.length / frame));
            for (let i = 0; i < samples.length; i++) {
                let sum = 0;
                for (let at = i * frame; at < (i + 1) * frame; at += width) {
                    sum += encoding === 's16' ? view.getInt16(at, true) / 32768 : limited(view.getFloat32(at, true));
                }
                samples[i] = sum / channels;
            }
            kept = all.slice(samples.length * frame);
            return samples;
        },
        pending: () => kept.length,
    };
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
    if (a.length === 0) return b;
    const all = new Uint8Array(a.length + b.length);
    all.set(a);
    all.set(b, a.length);
    return all;
}

function limited(level: number): number {
    return Number.isFinite(level) ? Math.max(-1, Math.min(1, level)) : 0;
}
