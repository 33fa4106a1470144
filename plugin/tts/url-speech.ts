import { type SpeechSource } from '../audio/index.js';
import { addressOf, checkSampleRate, checkStall } from './failure.js';
import { type HttpOptions, httpBytes } from './http-bytes.js';
import { speakPieces } from './pieces.js';
import { readPcm } from './raw-pcm.js';
import { readWav } from './wav-stream.js';

export interface UrlSpeechOptions extends HttpOptions {
    /** An address, or what makes one, or a whole request, out of a text. A fixed address says the same whatever the text. */
    readonly url: string | ((text: string) => string | Request);
    /** Raw 16-bit little-endian mono samples, or a WAV file: 16-bit or float, any channels. */
    readonly format: 'pcm' | 'wav';
    /** Of raw samples, Hz, default 24 000. A WAV file says its own. */
    readonly sampleRate?: number;
    /** Longest text of one request, characters, default 2000. */
    readonly maxCharacters?: number;
}

/**
 * Any sound that a URL answers with, heard while it comes in. Text that is still being written is asked for sentence by
 * sentence.
 *
 * @throws PgsError `OPTION_VALUE` - an unreadable url, sampleRate or stallMs. The sound throws `SPEECH_SOURCE`.
 * @example
 * const voice = urlSpeech({ url: (text) => `/say?text=${encodeURIComponent(text)}`, format: 'wav' });
 * await head.voice.speak('Hello', voice);
 */
export function urlSpeech(options: UrlSpeechOptions): SpeechSource {
    const { url, format } = options;
    const source = 'urlSpeech';
    if (typeof url === 'string') addressOf(source, url);
    const stallMs = checkStall(source, options.stallMs);
    const sampleRate = checkSampleRate(source, options.sampleRate ?? 24_000);
    const rules = { maxCharacters: options.maxCharacters ?? 2000, keepsWholeText: true };
    return {
        open: (text, { signal }) =>
            speakPieces(source, text, rules, signal, (piece) => {
                const target = typeof url === 'string' ? url : url(piece);
                const where = `${source} (${addressOf(source, typeof target === 'string' ? target : target.url)})`;
                const call = { where, target, expected: format, options, stallMs, signal };
                if (format === 'wav') return readWav(where, httpBytes(call));
                return readPcm(where, httpBytes({ ...call, sampleRate }), sampleRate);
            }),
    };
}
