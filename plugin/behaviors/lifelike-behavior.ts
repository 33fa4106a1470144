import type { Behavior } from '@babylonjs/core/Behaviors/behavior.js';
import { Observable, type Observer } from '@babylonjs/core/Misc/observable.js';
import type { Scene } from '@babylonjs/core/scene.js';
import { PgsError } from '../core/index.js';
import type { TalkingHeadMesh } from '../talking-head.js';
import { ActionUnitTrack } from './action-unit-track.js';
import { Blinks, RESTING_RATE } from './blinks.js';
import { Emphasis } from './emphasis.js';
import { MICRO_CHANNELS, microMotion } from './micro-motion.js';
import { randomFrom, scramble } from './random.js';
import { matchPageMedia, ReducedMotion, type MatchMedia } from './reduced-motion.js';
import { SpeechActivity, type SpeechEnergy } from './speech-activity.js';

export interface LifelikeOptions {
    /** Same seed, same steps of time, same speech: same motion. Default: the head's `uniqueId`, so that no two heads move alike. */
    readonly seed?: number;
    /** See {@link LifelikeBehavior.blinksPerMinute}. */
    readonly blinksPerMinute?: number;
    /** See {@link LifelikeBehavior.microMotion}. */
    readonly microMotion?: number;
    /** See {@link LifelikeBehavior.emphasis}. */
    readonly emphasis?: number;
    /** Time, ms; standing still or going back stops the motion. Default `performance.now`. */
    readonly now?: () => number;
    /** Asked for `prefers-reduced-motion`. Default: the page's own; `() => null` moves whatever the system asks for. */
    readonly matchMedia?: MatchMedia;
}

interface MotionUnit {
    readonly name: string;
    readonly channel: number;
    /**
     * Farthest that micro motion and emphasis move it, at their setting 1. Chosen by the 3 to 6 mm that a unit moves the default
     * avatar: at the default settings brows drift by a quarter of a millimetre as a rule and lift by one.
     */
    readonly micro: number;
    readonly emphasis: number;
}

const MOTION_UNITS: readonly MotionUnit[] = [
    { name: 'AU01', channel: 0, micro: 0.2, emphasis: 0.35 },
    { name: 'AU02', channel: 0, micro: 0.16, emphasis: 0.3 },
    { name: 'AU04', channel: 0, micro: -0.16, emphasis: 0 },
    { name: 'AU05', channel: 1, micro: 0.12, emphasis: 0.1 },
    { name: 'AU06', channel: 2, micro: 0.08, emphasis: 0 },
    { name: 'AU07', channel: 1, micro: -0.12, emphasis: 0 },
];
const BLINK_UNIT = 'AU45';
/**
 * Steps of motion, of an action unit's range. Brows and lids move 3 to 6 mm over it, so a step is 0.05 mm at most, an eighth of a pixel
 * of a face 500 pixels tall; twice that in the quick rise of a brow. A write costs an exact deformation, so finer ones are waste:
 * at 60 Hz a silent head writes in 12 % of the frames, 8 % of them blinking, and a speaking one in 24 %.
 */
const DRIFT_STEP = 1 / 128;
const LIFT_STEP = 1 / 64;
/** Seconds between looks at micro motion: under 0.25 Hz, ten a second are plenty. */
const MICRO_SECONDS = 0.1;
/** Longest step, s: after a hidden tab or a breakpoint, life goes on where it stood. Below 4 frames a second it goes slower. */
const LONGEST_STEP = 0.25;

/**
 * Lets a head blink, keeps its brows and lids from standing still, and lifts the brows where its voice grows louder.
 *
 * It shares `head.expression` with the user: what anybody else sets is the base, on which motion is added, and which a blink may only
 * exceed; {@link detach} leaves the bases. Asset units that do not exist stay untouched. Where the user's system asks for reduced
 * motion, only blinks remain. Allocates nothing a frame, and writes, so that the head need not be posed, only what can be seen.
 *
 * While attached, a read of `head.expression` includes this motion, so `expression.AU01 += 0.1` makes it part of the base: set values
 * outright instead.
 *
 * @example
 * head.addBehavior(new LifelikeBehavior());
 */
export class LifelikeBehavior implements Behavior<TalkingHeadMesh> {
    public readonly name: string = 'Lifelike';
    /** The head, while attached. */
    public attachedNode: TalkingHeadMesh | null = null;
    /** Told when a blink begins; the second of a double blink, too. */
    public readonly onBlinkObservable: Observable<LifelikeBehavior> = new Observable();

    readonly #now: () => number;
    readonly #matchMedia: MatchMedia;
    readonly #micro: Float32Array = new Float32Array(MICRO_CHANNELS);
    #seed: number | null;
    #blinksPerMinute: number;
    #microMotion: number;
    #emphasis: number;
    #isEnabled = true;

    #streamSeed = 0;
    #blinks: Blinks | undefined;
    #gestures: Emphasis | undefined;
    #speech: SpeechActivity = new SpeechActivity();
    #reducedMotion: ReducedMotion | undefined;
    #observer: Observer<Scene> | null = null;
    #blinkTrack: ActionUnitTrack | undefined;
    #motionTracks: readonly { readonly unit: MotionUnit; readonly track: ActionUnitTrack }[] = [];
    /** Of {@link LifelikeOptions.now}, ms. */
    #lastTime = 0;
    /** Time lived, s: pauses do not count. */
    #elapsed = 0;
    /** Number of the last look at micro motion; -1 before the first. */
    #microLook = -1;

    /** @throws PgsError `OPTION_VALUE` - a number out of its range. */
    public constructor(options: LifelikeOptions = {}) {
        this.#now = options.now ?? (() => performance.now());
        this.#matchMedia = options.matchMedia ?? matchPageMedia;
        this.#seed = options.seed === undefined ? null : finite('seed', options.seed);
        this.#blinksPerMinute = inRange('blinksPerMinute', options.blinksPerMinute ?? RESTING_RATE, 60);
        this.#microMotion = inRange('microMotion', options.microMotion ?? 0.5, 1);
        this.#emphasis = inRange('emphasis', options.emphasis ?? 0.5, 1);
    }

    /** False brings the bases back and stops all motion, until true. Default true. */
    public get enabled(): boolean {
        return this.#isEnabled;
    }

    public set enabled(value: boolean) {
        this.#isEnabled = value;
        if (!value) this.#restore();
    }

    /** Mean rate of a silent head, 0..60, double blinks counted as two; half as much again while it speaks. Default 17. */
    public get blinksPerMinute(): number {
        return this.#blinksPerMinute;
    }

    public set blinksPerMinute(value: number) {
        this.#blinksPerMinute = inRange('blinksPerMinute', value, 60);
    }

    /** How far brows, lids and cheeks drift, 0..1: 0 not at all, 1 up to a fifth of the brow's way. Default 0.5. */
    public get microMotion(): number {
        return this.#microMotion;
    }

    public set microMotion(value: number) {
        this.#microMotion = inRange('microMotion', value, 1);
        this.#microLook = -1;
    }

    /** How far brows rise with speech, 0..1: 1 is a third of their way. Default 0.5. */
    public get emphasis(): number {
        return this.#emphasis;
    }

    public set emphasis(value: number) {
        this.#emphasis = inRange('emphasis', value, 1);
    }

    /** Seed of all motion; setting it begins anew. Null: the head's `uniqueId`. */
    public get seed(): number | null {
        return this.#seed;
    }

    public set seed(value: number | null) {
        this.#seed = value === null ? null : finite('seed', value);
        if (this.attachedNode) this.#begin(this.attachedNode);
    }

    /** Part of Babylon's interface; there is nothing to do. */
    public init(): void {}

    /** Called by `addBehavior`. @throws PgsError `OPTION_VALUE` - it moves another head already. */
    public attach(target: TalkingHeadMesh): void {
        if (this.attachedNode === target) return;
        if (this.attachedNode) {
            throw new PgsError(
                'OPTION_VALUE',
                `LifelikeBehavior.attach: expected one head, got ${target.name} besides ${this.attachedNode.name}. Make a behavior for each.`,
            );
        }
        this.attachedNode = target;
        const { expression, expressionNames } = target;
        const has = (name: string): boolean => expressionNames.includes(name);
        this.#blinkTrack = has(BLINK_UNIT) ? new ActionUnitTrack(expression, BLINK_UNIT) : undefined;
        this.#motionTracks = MOTION_UNITS.filter(({ name }) => has(name)).map((unit) => ({
            unit,
            track: new ActionUnitTrack(expression, unit.name),
        }));
        this.#reducedMotion = new ReducedMotion(this.#matchMedia);
        this.#begin(target);
        // First: the head poses itself in an observer of its own, and shall see this frame's values.
        const step = (): void => this.#step(target);
        this.#observer = target.getScene().onBeforeRenderObservable.add(step, undefined, true);
    }

    /** Called by `removeBehavior` and when the head is disposed. Leaves every unit at what the user set. */
    public detach(): void {
        if (!this.attachedNode) return;
        this.attachedNode.getScene().onBeforeRenderObservable.remove(this.#observer);
        this.#observer = null;
        this.#restore();
        this.#reducedMotion?.dispose();
        this.#blinkTrack = undefined;
        this.#motionTracks = [];
        this.attachedNode = null;
    }

    #begin(target: TalkingHeadMesh): void {
        this.#restore();
        const seed = scramble(this.#seed ?? target.uniqueId);
        this.#streamSeed = seed;
        this.#blinks = new Blinks(randomFrom(seed));
        this.#gestures = new Emphasis(randomFrom(seed + 1));
        this.#speech = new SpeechActivity();
        this.#lastTime = this.#now();
        this.#elapsed = 0;
        this.#microLook = -1;
    }

    #step(target: TalkingHeadMesh): void {
        const now = this.#now();
        const seconds = Math.min(Math.max((now - this.#lastTime) / 1000, 0), LONGEST_STEP);
        this.#lastTime = now;
        if (!this.#isEnabled) return;
        this.#elapsed += seconds;
        this.#speech.step(energyOf(target), seconds);
        this.#blink(seconds);
        this.#move(seconds);
    }

    #blink(seconds: number): void {
        const blinks = this.#blinks;
        if (!blinks || !this.#blinkTrack) return;
        this.#blinkTrack.raise(blinks.step(seconds, this.#blinksPerMinute, this.#speech));
        if (blinks.hasStarted) this.onBlinkObservable.notifyObservers(this);
    }

    #move(seconds: number): void {
        const isStill = this.#reducedMotion?.isReduced ?? false;
        const lift = (this.#gestures?.step(seconds, this.#speech) ?? 0) * this.#emphasis;
        // A little early, so that rounding of the clock does not decide which frame of 60 Hz a look falls on.
        const look = Math.floor(this.#elapsed / MICRO_SECONDS + 1e-6);
        if (look !== this.#microLook) {
            this.#microLook = look;
            for (let channel = 0; channel < MICRO_CHANNELS; channel++) {
                this.#micro[channel] = this.#microMotion * microMotion(this.#streamSeed, channel, look * MICRO_SECONDS);
            }
        }
        for (const { unit, track } of this.#motionTracks) {
            const drift = unit.micro * (this.#micro[unit.channel] as number);
            const raised = unit.emphasis * lift;
            track.add(isStill ? 0 : drift + raised, raised > 0 ? LIFT_STEP : DRIFT_STEP);
        }
    }

    #restore(): void {
        this.#blinkTrack?.restore();
        for (const { track } of this.#motionTracks) track.restore();
    }
}

/** Read with care: an own voice need not tell its energy. */
function energyOf({ voice }: TalkingHeadMesh): number | undefined {
    const source: object | undefined = voice;
    return (source as Partial<SpeechEnergy> | undefined)?.energy;
}

function finite(option: string, value: number): number {
    if (Number.isFinite(value)) return value;
    throw optionError(option, 'a finite number', value);
}

function inRange(option: string, value: number, most: number): number {
    if (value >= 0 && value <= most) return value;
    throw optionError(option, `a number 0..${most}`, value);
}

function optionError(option: string, expected: string, value: number): PgsError {
    return new PgsError(
        'OPTION_VALUE',
        `LifelikeBehavior.${option}: expected ${expected}, got ${value}. Set a valid number.`,
    );
}
