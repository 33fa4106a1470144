import type { BranchName } from '../../../plugin/core/index.js';
import type { TrainConfig } from './config.js';
import { randomStream, shuffled } from './random.js';

/** What the curricula need to know about the training frames. */
export interface FrameFacts {
    /** Ids of the training frames, ascending. */
    readonly train: Int32Array;
    /** Mouth pixels of every frame of the dataset. */
    readonly mouthPixels: Int32Array;
    /** Blink of every frame, 0 open .. 1 closed; all zero where the dataset has no AU45. */
    readonly blink: Float64Array;
    /** Picture area over 512 x 512: pixel thresholds scale with it. */
    readonly areaScale: number;
}

/** Streams of {@link randomStream} used here. */
const STREAM: Readonly<Record<BranchName, number>> = { face: 0xf0, mouth: 0xf1 };
/** Share of the mouth frames, widest open first, that the static stage sees: about the lineage's top twentieth of AU25. */
const STATIC_MOUTH_SHARE = 0.05;
const MIN_STATIC_MOUTH = 4;
/** Eyes count as closed from this share of the clip's tightest blink on, and never below {@link MIN_BLINK}. */
const CLOSED_SHARE = 0.4;
const MIN_BLINK = 0.2;
/** Share of the mouth frames, widest first, that count as wide open. */
const WIDE_SHARE = 0.35;

/**
 * Which frame every iteration draws: index lists, computed once, so that a draw can never spin (RI §3.3) and any range of
 * iterations can be asked for again after a resume.
 */
export class Curriculum {
    readonly #config: TrainConfig;
    readonly #facts: FrameFacts;
    /** Training frames with closed or closing eyes; none where nobody blinks. */
    readonly #closed: Int32Array;
    /** Training frames that show the mouth, widest open first. */
    readonly #byOpening: Int32Array;

    public constructor(config: TrainConfig, facts: FrameFacts) {
        this.#config = config;
        this.#facts = facts;
        const blinkOf = (frame: number): number => facts.blink[frame] as number;
        const tightest = facts.train.reduce((most, frame) => Math.max(most, blinkOf(frame)), 0);
        this.#closed = facts.train.filter((frame) => blinkOf(frame) > Math.max(MIN_BLINK, CLOSED_SHARE * tightest));
        const opening = facts.train
            .slice()
            .sort((a, b) => (facts.mouthPixels[b] as number) - (facts.mouthPixels[a] as number) || a - b);
        const enough = config.minMouthPixels * facts.areaScale;
        const visible = opening.filter((frame) => (facts.mouthPixels[frame] as number) >= Math.max(1, enough));
        // A clip that hardly opens its mouth still trains, on what it has.
        this.#byOpening = visible.length > 0 ? visible : opening.slice(0, Math.max(1, Math.floor(opening.length / 10)));
    }

    /** Training frames that the mouth branch may draw. */
    public get mouthFrames(): Int32Array {
        return this.#byOpening;
    }

    /** Frame ids of iterations `first .. first + count - 1` of a branch. */
    public order(branch: BranchName, first: number, count: number): Int32Array {
        return Int32Array.from({ length: count }, (_, i) =>
            branch === 'face' ? this.#face(first + i) : this.#mouth(first + i),
        );
    }

    #face(iteration: number): number {
        const { blinkEvery, faceOpeningEvery, iterations } = this.#config;
        const fitted = iterations.static + iterations.deform;
        if (iteration < iterations.static) return this.#epochDraw(this.#facts.train, 'face', iteration);
        if (iteration < fitted && iteration % blinkEvery === blinkEvery - 1 && this.#closed.length > 0) {
            return this.#anyOf(this.#closed, 'face', 3, iteration);
        }
        if (iteration % faceOpeningEvery === 1) {
            const widest = Math.max(1, Math.ceil(this.#byOpening.length * WIDE_SHARE));
            return this.#anyOf(this.#byOpening.subarray(0, widest), 'face', 4, iteration);
        }
        return this.#epochDraw(this.#facts.train, 'face', iteration);
    }

    #mouth(iteration: number): number {
        const { openingEvery, iterations } = this.#config;
        if (iteration < iterations.static) {
            const widest = Math.max(MIN_STATIC_MOUTH, Math.ceil(this.#byOpening.length * STATIC_MOUTH_SHARE));
            return this.#epochDraw(
                this.#byOpening.subarray(0, Math.min(widest, this.#byOpening.length)),
                'mouth',
                iteration,
            );
        }
        const progress = Math.min(1, (iteration - iterations.static) / iterations.deform);
        if (iteration % openingEvery === openingEvery - 1) {
            // Widest open first, then down to the whole list.
            const end = Math.max(1, Math.ceil(this.#byOpening.length * Math.max(STATIC_MOUTH_SHARE, progress)));
            return this.#anyOf(this.#byOpening.subarray(0, end), 'mouth', 1, iteration);
        }
        return this.#epochDraw(this.#byOpening, 'mouth', iteration);
    }

    /** The list shuffled anew each epoch; iteration i takes the i-th of its epoch. */
    #epochDraw(list: Int32Array, branch: BranchName, iteration: number): number {
        const epoch = Math.floor(iteration / list.length);
        const order = shuffled(list, randomStream(this.#config.seed, STREAM[branch], 2, list.length, epoch));
        return order[iteration % list.length] as number;
    }

    #anyOf(list: Int32Array, branch: BranchName, purpose: number, iteration: number): number {
        const random = randomStream(this.#config.seed, STREAM[branch], purpose, iteration);
        return list[Math.floor(random() * list.length)] as number;
    }
}
