import { decodeWav, encodeWav } from '../../../plugin/audio/index.js';
import { fliteSpeech } from '../../../plugin/tts/index.js';

/** Speech of known samples. */
export interface Speech {
    /** Mono, -1..1. */
    readonly samples: Float32Array;
    readonly sampleRate: number;
    /** The same as a file for the page. */
    readonly wav: Uint8Array;
}

/** Silence between two sentences, s: as a speaker who takes breath. */
const PAUSES = [0.35, 0.6, 0.25, 0.9];

/** Sentences with many openings and closures of the lips, written for this bench: about 3 s each. */
const SENTENCES = [
    'My mother bought a warm brown coat at the market before the rain began.',
    'Every evening we watch the boats come home and count the men aboard.',
    'Please bring me the map of the old harbour, and a pen that works.',
    'Nobody knows why the tower bell rings at half past five.',
    'He opened the window, and a moth flew slowly across the room.',
    'Put the apples in a bowl, wipe the table, and call me when you are done.',
    'The river was calm, but above the bridge the wind blew hard.',
    'Can you imagine how far a voice may travel over open water?',
    'A small boy with a drum marched proudly up and down the path.',
    'We ought to move the piano before the painters arrive tomorrow.',
    'I almost forgot that both of us were born in the month of May.',
    'Above all, remember to breathe, and never hurry a good story.',
    'The baker opens early, so the smell of bread fills the whole lane.',
    'Some people prefer to walk home by the longer but prettier way.',
    'What a pity that the parcel came on the only day we were away.',
    'Most of the maps were wrong, and so we followed the moon instead.',
];

/** Speech by flite, made anew and the same every time, cut or repeated to `seconds`. */
export async function makeSpeech(seconds: number): Promise<Speech> {
    const source = fliteSpeech();
    const parts: Float32Array[] = [];
    let [sampleRate, total] = [16_000, 0];
    for (let n = 0; total < seconds * sampleRate; n++) {
        const text = SENTENCES[n % SENTENCES.length] as string;
        const { signal } = new AbortController();
        for await (const chunk of source.open(text, { signal })) {
            sampleRate = chunk.sampleRate;
            if (chunk.pcm !== undefined) parts.push(chunk.pcm);
        }
        parts.push(new Float32Array(Math.round((PAUSES[n % PAUSES.length] as number) * sampleRate)));
        total = parts.reduce((sum, { length }) => sum + length, 0);
    }
    const samples = new Float32Array(Math.round(seconds * sampleRate));
    let at = 0;
    for (const part of parts) {
        samples.set(part.subarray(0, Math.max(0, samples.length - at)), Math.min(at, samples.length));
        at += part.length;
    }
    // The page decodes the file; Node takes the same samples, to the last bit.
    const wav = encodeWav(samples, sampleRate);
    return { samples: decodeWav(wav).samples, sampleRate, wav };
}
