import type { StaticSound } from '@babylonjs/core/AudioV2/abstractAudio/staticSound.js';
import type { KnownSound } from '../../../plugin/audio/index.js';
import { encodeWav } from '../../../plugin/audio/wav.js';
import * as bridge from '../../../plugin/sound/audio-bridge.js';
import { BabylonSoundHost } from '../../../plugin/sound/index.js';
import { Recorder } from './recorder.js';
import type { Probe, SeenBridge, SeenFollowed, SeenRefused, SeenRouted, SeenStreamed } from './seen.js';
import {
    codeOf,
    contextOf,
    createEngineAsync,
    makeHead,
    rampBuffer,
    RAMP_SECONDS,
    recordAsync,
    restOfAudioThread,
    sleep,
    startTone,
} from './stage.js';

/** A step of a script: when, s after the start, and what. */
export type Step = readonly [
    seconds: number,
    action: 'play' | 'pause' | 'resume' | 'stop' | 'again' | 'wait' | 'set',
    settings?: Partial<
        Pick<
            StaticSound,
            | 'playbackRate'
            | 'pitch'
            | 'currentTime'
            | 'loop'
            | 'loopStart'
            | 'loopEnd'
            | 'maxInstances'
            | 'duration'
            | 'startOffset'
        >
    >,
];

/** The game's own sounds. Every scene starts from nothing and leaves nothing. */
const soundScenes = {
    async routeAsync(): Promise<SeenRouted> {
        const engine = await createEngineAsync();
        const recorder = await recordAsync(engine);
        const context = contextOf(engine);
        const host = new BabylonSoundHost({ name: 'ava', mesh: makeHead('ava') });
        const bus = await engine.createBusAsync('dialogue');
        const microphone = await engine.createSoundSourceAsync('microphone', startTone(context), { outBus: bus });
        const level = async (): Promise<number> => (await recorder.levelAsync(0.1))[0];
        const before = await level();
        const routed = host.resolveSound(bus);
        if (routed?.kind !== 'routed') throw new Error('not routed');
        const out = await level();
        // What the voice does with it, without the delay.
        const connection = host.connectOutput(routed.node);
        await connection.whenConnectedAsync();
        const through = await level();
        connection.dispose();
        const again = host.resolveSound(bus);
        routed.release();
        const routedTwice = await level();
        if (again?.kind === 'routed') again.release();
        const back = await level();
        const ofSource = host.resolveSound(microphone);
        const outSource = await level();
        host.dispose();
        const backSource = await level();
        const isPlayable = [routed.play, routed.stop, ofSource?.play];
        engine.dispose();
        return { before, out, through, routedTwice, back, outSource, backSource, isPlayable };
    },

    async streamAsync(): Promise<SeenStreamed> {
        const engine = await createEngineAsync();
        const recorder = await recordAsync(engine);
        const samples = new Float32Array(16000).fill(0.5);
        const url = URL.createObjectURL(new Blob([encodeWav(samples, 16000) as BlobPart], { type: 'audio/wav' }));
        const sound = await engine.createStreamingSoundAsync('speech', url);
        const host = new BabylonSoundHost({ name: 'ava', mesh: makeHead('ava') });
        const routed = host.resolveSound(sound);
        if (routed?.kind !== 'routed' || routed.play === null || routed.stop === null) throw new Error('not routed');
        const meter = await Recorder.createAsync(contextOf(engine));
        routed.node.connect(meter.node);
        let ends = 0;
        routed.onEnded(() => ends++);
        const remove = routed.onEnded(() => (ends += 100));
        remove();
        routed.play();
        routed.play();
        await sleep(0.3);
        const [heard, carried] = [await recorder.levelAsync(0.1), await meter.levelAsync(0.1)];
        const instances = sound.activeInstancesCount;
        await sleep(1);
        const endsAlone = ends;
        routed.release();
        routed.onEnded(() => ends++);
        routed.play();
        await sleep(0.3);
        const back = await recorder.levelAsync(0.1);
        routed.stop();
        engine.dispose();
        return { heard, carried, instances, endsAlone, ends, back };
    },

    /** Every way to hand over something that cannot be used. */
    async refuseAsync(): Promise<SeenRefused> {
        const engine = await createEngineAsync();
        const other = await createEngineAsync();
        const host = new BabylonSoundHost({ name: 'ava', mesh: makeHead('ava'), audioEngine: engine });
        const own = await host.sourceAsync();
        const bus = await engine.createBusAsync('dialogue');
        own.outBus = bus;
        const foreign = await other.createSoundAsync('foreign', rampBuffer(contextOf(other)));
        const disposed = await engine.createSoundAsync('disposed', rampBuffer(contextOf(engine)));
        disposed.dispose();
        const buffer = await engine.createSoundBufferAsync(rampBuffer(contextOf(engine)), {});
        const nothing = [null, 1, 'a.mp3', {}, new AudioContext(), engine].map((value) => host.resolveSound(value));
        const errors = Object.entries({ main: engine.defaultMainBus, own, bus, foreign, disposed, buffer }).map(
            ([name, sound]) => [name, codeOf(() => host.resolveSound(sound))] as const,
        );
        // A head that has not spoken joins the engine of the sound.
        const late = new BabylonSoundHost({ name: 'ben', mesh: makeHead('ben') });
        const isJoined = late.resolveSound(await engine.createSoundAsync('a', rampBuffer(contextOf(engine)))) !== null;
        late.dispose();
        host.dispose();
        engine.dispose();
        other.dispose();
        return { nothing, errors: Object.fromEntries(errors), isJoined };
    },

    /** Plays the ramp by a script, asks for the position each frame, and looks up what was rendered then. */
    async followAsync(script: readonly Step[], seconds: number): Promise<SeenFollowed> {
        const engine = await createEngineAsync();
        const recorder = await recordAsync(engine);
        const context = contextOf(engine);
        const host = new BabylonSoundHost({ name: 'ava', mesh: makeHead('ava') });
        const sound = await engine.createSoundAsync('ramp', rampBuffer(context));
        const known = host.resolveSound(sound) as KnownSound;
        let ends = 0;
        known.onEnded(() => ends++);
        const probes: Probe[] = [];
        const steps = [...script];
        const start = context.currentTime + 0.05;
        while (context.currentTime < start + seconds) {
            while (steps[0] !== undefined && context.currentTime >= start + steps[0][0]) {
                const [, action, settings] = steps.shift() as Step;
                if (action === 'again') sound.play({ waitTime: 0.02 });
                else if (action === 'wait') await sleep(0.05);
                else {
                    restOfAudioThread(context);
                    if (action === 'set') Object.assign(sound, settings);
                    else known[action]();
                }
            }
            await new Promise((done) => requestAnimationFrame(done));
            // The audio thread may go on between the two questions; then they are asked again.
            let probe: Probe;
            do {
                const { currentTime } = context;
                const { state, time, rate } = known.position;
                probe = { time: currentTime, state, position: time, rate, rendered: 0 };
            } while (context.currentTime !== probe.time);
            probes.push(probe);
            // Between frames, so that what the script does comes at no fixed place in them.
            await sleep(Math.random() * 0.012);
        }
        await recorder.untilAsync(context.currentTime);
        const rendered = probes.map((probe) => {
            const places = recorder.around(probe.time).map((sample) => sample * RAMP_SECONDS);
            const distance = (place: number): number => Math.abs(place - probe.position);
            const nearest = places.reduce((best, place) => (distance(place) < distance(best) ? place : best), Infinity);
            return { ...probe, time: probe.time - start, rendered: nearest };
        });
        const isSameBuffer = known.buffer.duration === RAMP_SECONDS;
        const after = known.position.state;
        engine.dispose();
        return { probes: rendered, ends, isSameBuffer, after };
    },

    /** What the bridge reaches for, on live objects. */
    async bridgeAsync(): Promise<SeenBridge> {
        const context = new AudioContext();
        const { CreateAudioEngineAsync } = await import('@babylonjs/core/AudioV2/webAudio/webAudioEngine.js');
        const engine = await CreateAudioEngineAsync({ audioContext: context, disableDefaultUI: true });
        const offline = await CreateAudioEngineAsync({
            audioContext: new OfflineAudioContext(1, 128, 48000) as unknown as AudioContext,
            disableDefaultUI: true,
        });
        const buffer = rampBuffer(context);
        const sound = await engine.createSoundAsync('ramp', buffer);
        const outNodes = [
            sound,
            await engine.createBusAsync('bus'),
            await engine.createSoundSourceAsync('source', startTone(context)),
        ];
        const before = bridge.newestInstance(sound);
        sound.play();
        const instance = bridge.newestInstance(sound) as bridge.SoundInstance;
        const changes: string[] = [];
        const covered = bridge.aroundChange(
            instance,
            () => changes.push(`before ${bridge.rateRampEnd(instance) > 0}`),
            () => changes.push(`after ${bridge.rateRampEnd(instance) > 0}`),
        );
        const unchanged = [bridge.rateRampEnd(instance), bridge.pitchRampEnd(instance)];
        await sleep(0.1);
        sound.playbackRate = 2;
        const rateRamp = bridge.rateRampEnd(instance) - context.currentTime;
        sound.pitch = 100;
        const pitchRamp = bridge.pitchRampEnd(instance) - context.currentTime;
        const states: number[] = [instance.state];
        instance.onStateChangedObservable.add(() => states.push(instance.state));
        sound.pause();
        const paused = bridge.secondsBeforePause(instance);
        sound.resume();
        const result = {
            contexts: [bridge.findContext(engine) === context, bridge.findContext(offline) === undefined],
            isBuffer: bridge.findAudioBuffer(sound.buffer) === buffer,
            outNodes: outNodes.map((node) => bridge.findOutNode(node)?.constructor.name),
            shows: bridge.showsInstances(sound),
            before,
            covered,
            changes: changes.slice(0, 2),
            unchanged,
            rateRamp,
            pitchRamp,
            rampSeconds: engine.parameterRampDuration,
            states,
            paused,
            startTime: instance.startTime - context.currentTime,
        };
        sound.currentTime = 1;
        const sought = bridge.secondsBeforePause(instance);
        engine.dispose();
        offline.dispose();
        return { ...result, sought };
    },
};

declare global {
    /** Driven from Node. */
    var soundStage: typeof soundScenes;
}
globalThis.soundStage = soundScenes;
