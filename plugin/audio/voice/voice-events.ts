import type { PgsError } from '../../core/index.js';
import type { ObservableLike } from '../observable.js';
import type { SpokenWord } from './speech-source.js';
import type { VoiceMetrics } from './voice-metrics.js';

/** Why something that was said ended. */
export interface VoiceEnd {
    readonly reason: 'finished' | 'stopped' | 'interrupted' | 'replaced' | 'failed';
}

/** Makes observables: the plugin passes Babylon's, others `SimpleObservable`. */
export type CreateObservable = <T>() => ObservableLike<T>;

/** All that a voice tells. */
export class VoiceEvents {
    /** Told when the sound of something that is said starts. */
    public readonly onStartObservable: ObservableLike<VoiceEvents>;
    /** Told once for everything that started. */
    public readonly onEndObservable: ObservableLike<VoiceEnd>;
    /** Told when a word is heard, where the speech source knows its words. */
    public readonly onWordObservable: ObservableLike<SpokenWord>;
    /** Told when a queue runs dry before its end, or when lips come too late for their sound. */
    public readonly onUnderrunObservable: ObservableLike<VoiceMetrics>;
    /** Told once a second while something is said. */
    public readonly onMetricsObservable: ObservableLike<VoiceMetrics>;
    /** Told what went wrong on the way: a speech service that fails, sound that is none. The lips rest, and what comes next works. */
    public readonly onErrorObservable: ObservableLike<PgsError>;
    /** Told, in words, what the user should know, e.g. that the page may not play sound before a click. */
    public readonly onWarningObservable: ObservableLike<string>;

    protected constructor(create: CreateObservable) {
        this.onStartObservable = create();
        this.onEndObservable = create();
        this.onWordObservable = create();
        this.onUnderrunObservable = create();
        this.onMetricsObservable = create();
        this.onErrorObservable = create();
        this.onWarningObservable = create();
    }

    protected clearObservers(): void {
        this.onStartObservable.clear();
        this.onEndObservable.clear();
        this.onWordObservable.clear();
        this.onUnderrunObservable.clear();
        this.onMetricsObservable.clear();
        this.onErrorObservable.clear();
        this.onWarningObservable.clear();
    }
}
