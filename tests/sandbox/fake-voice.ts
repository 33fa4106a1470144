import type { PgsError, SpokenWord, VoiceEnd, VoiceMetrics } from '../../plugin/index.js';
import type { SandboxVoice } from '../../sandbox/voice/on-air.js';

/** A list of callbacks in the place of an observable. */
class Told<T> {
    readonly #callbacks: ((value: T) => void)[] = [];

    public add(callback: (value: T) => void): unknown {
        return this.#callbacks.push(callback);
    }

    public addOnce(): never {
        throw new Error('fake: expected add, got addOnce.');
    }

    public remove(): boolean {
        return false;
    }

    public clear(): void {
        this.#callbacks.length = 0;
    }

    public notifyObservers(value: T): boolean {
        for (const callback of [...this.#callbacks]) callback(value);
        return true;
    }
}

interface Pending {
    readonly what: string;
    readonly resolve: (hasBegun: boolean) => void;
    readonly reject: (error: unknown) => void;
}

/** A voice that says what it is asked to when the test says so. */
export class FakeVoice implements SandboxVoice {
    public readonly onEndObservable: Told<VoiceEnd> = new Told();
    public readonly onErrorObservable: Told<PgsError> = new Told();
    public readonly onMetricsObservable: Told<VoiceMetrics> = new Told();
    public readonly onWordObservable: Told<SpokenWord> = new Told();
    public readonly metrics: VoiceMetrics = { latencyMs: 1 } as VoiceMetrics;
    public readonly calls: string[] = [];
    public currentTime = 0;
    public duration = 0;
    public energy = 0;
    public isPaused = false;
    public latency: SandboxVoice['latency'] = 'balanced';
    public loop = false;
    public volume = 1;
    #pending: Pending | null = null;
    #said: string | null = null;

    public prepare(): Promise<void> {
        return Promise.resolve();
    }

    public play(_source: unknown, { loop }: { readonly loop?: boolean } = {}): Promise<boolean> {
        return this.#begin(loop === true ? 'clip, repeated' : 'clip');
    }

    public speak(text: unknown): Promise<boolean> {
        return this.#begin(String(text));
    }

    public attach(): Promise<boolean> {
        return this.#begin('stream');
    }

    public pause(): void {
        this.isPaused = this.#said !== null;
    }

    public resume(): void {
        this.isPaused = false;
    }

    public stop(): void {
        this.#pending?.resolve(false);
        this.#pending = null;
        this.finish('stopped');
    }

    /** What was asked for last comes to sound. */
    public async soundAsync(): Promise<void> {
        this.#said = this.#pending?.what ?? null;
        this.#pending?.resolve(true);
        this.#pending = null;
        await tickAsync();
    }

    /** What was asked for last cannot be said. */
    public async refuseAsync(error: unknown): Promise<void> {
        this.#pending?.reject(error);
        this.#pending = null;
        await tickAsync();
    }

    /** What is said ends. */
    public finish(reason: VoiceEnd['reason']): void {
        if (this.#said === null) return;
        this.#said = null;
        this.isPaused = false;
        this.currentTime = 0;
        this.onEndObservable.notifyObservers({ reason });
    }

    #begin(what: string): Promise<boolean> {
        this.calls.push(what);
        return new Promise((resolve, reject) => (this.#pending = { what, resolve, reject }));
    }
}

/** Lets what waits for a promise go on. */
export async function tickAsync(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 0));
}
