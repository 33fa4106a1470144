import { PgsError } from '../../core/index.js';
import { assertNotEmpty, assertSampleRate, assertSamples, mixToMono } from '../samples.js';

/** Mono mix of a buffer, checked. @throws PgsError `AUDIO_FORMAT` */
export function samplesOf(where: string, buffer: AudioBuffer): Float32Array {
    assertSampleRate(where, buffer.sampleRate);
    const samples = mixToMono(Array.from({ length: buffer.numberOfChannels }, (_, c) => buffer.getChannelData(c)));
    assertNotEmpty(where, samples);
    assertSamples(where, samples);
    return samples;
}

export function isAudioBuffer(source: unknown): source is AudioBuffer {
    return typeof (source as Partial<AudioBuffer> | null)?.getChannelData === 'function';
}

export function isAudioNode(source: unknown): source is AudioNode {
    const { connect, context } = (source ?? {}) as Partial<AudioNode>;
    return typeof connect === 'function' && typeof context === 'object';
}

export function isMediaStream(source: unknown): source is MediaStream {
    return typeof (source as Partial<MediaStream> | null)?.getAudioTracks === 'function';
}

/** Interleaved or mono samples, as float or 16-bit, to mono float in memory of its own. @throws PgsError `AUDIO_FORMAT` */
export function pushedSamples(pcm: Float32Array | Int16Array, sampleRate: number, channels: number): Float32Array {
    if (!(pcm instanceof Float32Array || pcm instanceof Int16Array) || !Number.isInteger(channels) || channels < 1) {
        throw new PgsError(
            'AUDIO_FORMAT',
            `Voice.push: expected a Float32Array or Int16Array of 1 or more channels, got ${Object.prototype.toString.call(pcm)} of ${channels}. ` +
                'Decode the sound to PCM first, or use play.',
        );
    }
    assertSampleRate('Voice.push', sampleRate);
    const scale = (pcm instanceof Int16Array ? 1 / 32768 : 1) / channels;
    const mono = new Float32Array(Math.floor(pcm.length / channels));
    for (let i = 0; i < mono.length; i++) {
        let sum = 0;
        for (let c = 0; c < channels; c++) sum += pcm[i * channels + c] as number;
        mono[i] = sum * scale;
    }
    assertSamples('Voice.push', mono);
    return mono;
}

/** What a speech source threw, as a failure of its. */
export function asSpeechError(error: unknown): PgsError {
    if (error instanceof PgsError) return error;
    return new PgsError(
        'SPEECH_SOURCE',
        `Voice.speak: expected speech, got "${String(error)}". Check the speech source.`,
        { cause: error },
    );
}

export function optionError(option: string, expected: string, value: unknown): PgsError {
    return new PgsError(
        'OPTION_VALUE',
        `Voice.${option}: expected ${expected}, got ${String(value)}. Set a valid value.`,
    );
}

export function sourceError(method: string, expected: string, got: string): PgsError {
    return new PgsError('OPTION_VALUE', `Voice.${method}: expected ${expected}, got ${got}. Pass what it takes.`);
}
