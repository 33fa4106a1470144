/** Name under which the tap is registered with a context. */
export const TAP_NAME = 'pgstalker-tap';

/**
 * The tap: an audio worklet that hands on what flows into it as mono, some quanta (of 128 samples) at a time.
 *
 * It is text, because a worklet module must have an address of its own, and bundlers differ in what they make of one in a library;
 * text can be made into a Blob anywhere. It mixes down and copies, nothing else, and depends on nothing.
 *
 * Options `quanta`: how many at a time; `memory`: a ring of `sample-ring.ts`. Without it, it waits for a message `{port}`, a MessagePort to the analysis, which is told
 * `{frame, samples}`. Any other message ends it.
 */
export const TAP_CODE: string = `
class Tap extends AudioWorkletProcessor {
    constructor({ processorOptions: { memory, quanta } }) {
        super();
        this.batch = quanta;
        this.port.onmessage = ({ data }) => {
            if (data.port) this.out = data.port;
            else this.isOver = true;
        };
        if (memory) {
            this.header = new Int32Array(memory, 0, 4);
            this.ring = new Float32Array(memory, 16);
        }
        this.quanta = 0;
        this.held = new Float32Array(0);
        this.count = 0;
    }
    process([channels]) {
        if (this.isOver) return false;
        if (!this.header && !this.out) return true;
        const length = channels[0] ? channels[0].length : 128;
        if (this.quanta === 0) {
            this.anchor = this.next = currentFrame;
            if (this.header) {
                Atomics.store(this.header, 1, currentFrame | 0);
                Atomics.store(this.header, 2, Math.floor(currentFrame / 4294967296));
            }
        }
        this.quanta++;
        // A context may leave a node out for some quanta, at its start above all: what follows keeps its place.
        if (currentFrame > this.next) this.mix([], currentFrame - this.next);
        this.next = currentFrame + length;
        this.mix(channels, length);
        if (this.quanta % this.batch === 0) this.flush();
        return true;
    }
    mix(channels, length) {
        if (this.count + length > this.held.length) {
            const grown = new Float32Array(Math.max(this.batch * length, this.count + length));
            grown.set(this.held.subarray(0, this.count));
            this.held = grown;
        }
        const { held, count } = this;
        if (channels.length === 1) held.set(channels[0], count);
        else if (channels.length === 0) held.fill(0, count, count + length);
        else for (let i = 0; i < length; i++) {
            let sum = 0;
            for (let c = 0; c < channels.length; c++) sum += channels[c][i];
            held[count + i] = sum / channels.length;
        }
        this.count = count + length;
    }
    flush() {
        if (this.header) {
            const written = Atomics.load(this.header, 0);
            const at = (written >>> 0) % this.ring.length;
            const first = Math.min(this.count, this.ring.length - at);
            this.ring.set(this.held.subarray(0, first), at);
            this.ring.set(this.held.subarray(first, this.count), 0);
            Atomics.store(this.header, 0, (written + this.count) | 0);
            Atomics.notify(this.header, 0);
            this.count = 0;
        } else {
            const samples = this.held.slice(0, this.count);
            this.count = 0;
            this.out.postMessage({ frame: this.anchor, samples }, [samples.buffer]);
        }
    }
}
try {
    registerProcessor('${TAP_NAME}', Tap);
} catch (error) {
    // Another voice of this context was here before.
    if (error.name !== 'NotSupportedError') throw error;
}
`;
