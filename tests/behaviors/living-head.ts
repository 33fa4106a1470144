import { Observable } from '@babylonjs/core/Misc/observable.js';
import type { Scene } from '@babylonjs/core/scene.js';
import { LifelikeBehavior, type LifelikeOptions } from '../../plugin/behaviors/index.js';
import { createExpression, type ExpressionValues } from '../../plugin/deformer/expression-values.js';
import type { TalkingHeadMesh } from '../../plugin/index.js';

/** Action units of the default avatar. */
export const AVATAR_UNITS = ['AU01', 'AU04', 'AU05', 'AU06', 'AU07', 'AU45'] as const;
export const FRAME_MS: number = 1000 / 60;

/** A head without splats: an expression, a clock and a scene that only tells when a frame begins. */
export class LivingHead {
    /** Page time, ms. */
    public time = 0;
    public readonly voice: { energy?: number } = {};
    public readonly expression: ExpressionValues;
    /** Frames in which the expression changed, so that a real head would be posed anew. */
    public framesWritten = 0;
    public frames = 0;
    public readonly scene: Scene;
    readonly behavior: LifelikeBehavior;
    #isWritten = false;

    public constructor(
        options: LifelikeOptions = {},
        public readonly expressionNames: readonly string[] = AVATAR_UNITS,
    ) {
        const exprFeat = new Float32Array(expressionNames.length);
        this.expression = createExpression(expressionNames, exprFeat, () => (this.#isWritten = true));
        this.scene = { onBeforeRenderObservable: new Observable<Scene>() } as unknown as Scene;
        this.behavior = new LifelikeBehavior({ seed: 1, now: () => this.time, ...options });
    }

    public readonly uniqueId: number = 7;
    public readonly name: string = 'living head';

    public getScene(): Scene {
        return this.scene;
    }

    public asMesh(): TalkingHeadMesh {
        return this as unknown as TalkingHeadMesh;
    }

    public attach(): this {
        this.behavior.attach(this.asMesh());
        return this;
    }

    public frame(milliseconds: number = FRAME_MS): void {
        this.#isWritten = false;
        this.time += milliseconds;
        this.scene.onBeforeRenderObservable.notifyObservers(this.scene);
        this.frames++;
        if (this.#isWritten) this.framesWritten++;
    }

    /** Runs frames at 60 Hz. @param before - told the time since the call, s, before each. */
    public run(seconds: number, before?: (at: number) => void, after?: (at: number) => void): void {
        const start = this.time;
        for (let k = 0; k < Math.round(seconds * 60); k++) {
            before?.((this.time - start) / 1000);
            this.frame();
            after?.((this.time - start) / 1000);
        }
    }

    public values(): number[] {
        return this.expressionNames.map((name) => this.expression[name] as number);
    }
}

/** One blink as the eyes show it. Times in s. */
export interface SeenBlink {
    readonly start: number;
    readonly peakAt: number;
    readonly end: number;
    readonly peak: number;
}

/** Records AU45 of a run. */
export class BlinkWatch {
    public readonly blinks: SeenBlink[] = [];
    #current: { start: number; peakAt: number; peak: number } | null = null;

    public look(at: number, closure: number): void {
        if (closure > 0) {
            this.#current ??= { start: at, peakAt: at, peak: closure };
            if (closure > this.#current.peak) Object.assign(this.#current, { peak: closure, peakAt: at });
        } else if (this.#current) {
            this.blinks.push({ ...this.#current, end: at });
            this.#current = null;
        }
    }

    /** From start to start, s. */
    public get intervals(): number[] {
        return this.blinks.slice(1).map(({ start }, k) => start - (this.blinks[k] as SeenBlink).start);
    }
}

export function meanOf(values: readonly number[]): number {
    return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function deviationOf(values: readonly number[]): number {
    const mean = meanOf(values);
    return Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2)));
}

/** Length of a phrase of {@link phrases} and of the pause after it, s. */
export const PHRASE = 2.4;
export const PAUSE = 0.8;

/** Energy of speech in phrases: syllables at 4.5 Hz of unlike strength, each fifth one stressed. @param at - s. */
export function phrases(at: number): number {
    const place = at % (PHRASE + PAUSE);
    if (place > PHRASE) return 0;
    const syllable = Math.floor(place * 4.5);
    const bump = Math.sin(Math.PI * (place * 4.5 - syllable)) ** 2;
    const strength = syllable % 5 === 3 ? 0.95 : 0.35 + 0.12 * Math.sin(7 * syllable + at);
    return 0.08 + strength * bump * 0.9;
}
