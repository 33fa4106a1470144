import type { Rig } from '../../../audio/voice-page/page.js';
import type { InterruptKind } from './interrupt.js';

const KINDS: readonly InterruptKind[] = ['clip', 'queue', 'live'];
/** Pieces of the speech that are said, s. */
const PIECE_SECONDS = 2;
/** Longest wait before an interruption, ms: some hit sound, some what is only about to sound. */
const MAX_WAIT_MS = 200;

/** Says things and interrupts them at random moments, with what it says made once. */
export class Soak {
    private constructor(
        private readonly rig: Rig,
        private readonly buffer: AudioBuffer,
        private readonly samples: Float32Array,
    ) {}

    public static async createAsync(rig: Rig, name: string): Promise<Soak> {
        const { samples, sampleRate } = await rig.load(name);
        const piece = samples.slice(0, PIECE_SECONDS * sampleRate);
        const buffer = rig.context.createBuffer(1, piece.length, sampleRate);
        buffer.copyToChannel(piece, 0);
        return new Soak(rig, buffer, piece);
    }

    /** @param seed - of the moments and of what is interrupted. */
    public async runAsync(count: number, seed: number): Promise<void> {
        let state = seed;
        const random = (): number => {
            state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
            return state / 2 ** 32;
        };
        for (let n = 0; n < count; n++) {
            const end = this.begin(KINDS[Math.floor(3 * random())] as InterruptKind);
            await new Promise((resolve) => setTimeout(resolve, MAX_WAIT_MS * random()));
            this.rig.voice.interrupt();
            end();
        }
        this.rig.voice.stop();
    }

    /** @returns what frees what is ours, and not the voice's, of it. */
    private begin(kind: InterruptKind): () => void {
        const { voice, context } = this.rig;
        if (kind === 'clip') voice.play(this.buffer).catch(fail);
        if (kind === 'queue') voice.push(this.samples, this.buffer.sampleRate);
        if (kind !== 'live') return () => undefined;
        const source = context.createBufferSource();
        source.buffer = this.buffer;
        source.start();
        voice.attach(source).catch(fail);
        return () => source.stop();
    }
}

/** Shows as an error of the page. */
function fail(error: unknown): void {
    setTimeout(() => {
        throw error;
    });
}
