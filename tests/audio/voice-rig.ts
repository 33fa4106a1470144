import {
    SimpleObservable,
    TsEncoder,
    Voice,
    initEncoderWeights,
    restFeature,
    writeEncoderOnnx,
    type VoiceOptions,
} from '../../plugin/audio/index.js';
import { AUDIO_FEAT_DIM } from '../../plugin/core/index.js';
import { FakeAudioContext, pageTime } from './fake-audio-context.js';
import { testFrontEnd } from './sounds.js';
import { rms } from './streaming.js';

export const frontEnd: VoiceOptions['frontEnd'] = testFrontEnd();
export const encoder: TsEncoder = TsEncoder.fromOnnx(writeEncoderOnnx(initEncoderWeights(1), frontEnd));

/** A voice on a fake context, with all that it tells. */
export class VoiceRig {
    public readonly events: string[] = [];
    public readonly out: Float32Array = new Float32Array(AUDIO_FEAT_DIM);
    /** Page time beyond the context's own, ms: it goes on while the context stands still. */
    public extraMs = 0;

    private constructor(
        public readonly context: FakeAudioContext,
        public readonly rest: Float32Array,
    ) {}

    public voice!: Voice;

    public static async createAsync(
        context: FakeAudioContext = new FakeAudioContext(),
        options: Partial<VoiceOptions> = {},
    ): Promise<VoiceRig> {
        const rig = new VoiceRig(context, await restOf(options.encoder ?? encoder));
        RIGS.add(rig);
        rig.voice = await Voice.createAsync({
            createObservable: () => new SimpleObservable(),
            frontEnd,
            encoder,
            audioContext: context.asContext(),
            now: () => pageTime(context) + rig.extraMs,
            ...options,
        });
        const { voice, events } = rig;
        voice.onStartObservable.add(() => events.push('start'));
        voice.onEndObservable.add(({ reason }) => events.push(reason));
        voice.onUnderrunObservable.add(() => events.push('underrun'));
        voice.onErrorObservable.add(({ code }) => events.push(code));
        voice.onWarningObservable.add((warning) => events.push(warning));
        voice.onWordObservable.add(({ text }) => events.push(text));
        return rig;
    }

    /** Moves on in pictures of 1/60 s. */
    public run(seconds: number): void {
        for (let frame = 0; frame < Math.round(60 * seconds); frame++) {
            this.context.advance(1 / 60);
            this.voice.sampleFeatures(this.out);
        }
    }

    /** Moves on in pictures, giving the analysis its turns in between. */
    public async runAsync(seconds: number): Promise<void> {
        for (let frame = 0; frame < Math.round(60 * seconds); frame++) {
            this.run(1 / 60);
            await turns(1);
        }
    }

    /** How far the lips are from rest. */
    public get opening(): number {
        this.voice.sampleFeatures(this.out);
        return rms(this.out.map((value, i) => value - (this.rest[i] as number)));
    }

    /** Streams and clips that the analysis still knows of, on both its sides. */
    public get underAnalysis(): number {
        const { streams, clips } = (
            this.voice as unknown as { lease: { analysis: Record<string, Map<unknown, unknown>> } }
        ).lease.analysis;
        return (streams?.size ?? 0) + (clips?.size ?? 0);
    }
}

const RIGS = new Set<VoiceRig>();

/** Ends the voices of a test, so that the next begins with an analysis of its own. */
export function disposeRigs(): void {
    for (const { voice } of RIGS) voice.dispose();
    RIGS.clear();
}

async function restOf(encoder: VoiceOptions['encoder']): Promise<Float32Array> {
    return restFeature(frontEnd, encoder instanceof Uint8Array ? TsEncoder.fromOnnx(encoder) : encoder);
}

/** Lets messages and promises through. */
export async function turns(count: number): Promise<void> {
    for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
}
