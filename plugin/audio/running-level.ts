import { BlockMeter, LEVEL_BLOCK, REFERENCE_POWER, RELATIVE_GATE, SILENCE_POWER } from './level.js';
import { FEATURE_RATE } from './front-end.js';

const BLOCKS_PER_SECOND = FEATURE_RATE / LEVEL_BLOCK;
/** Power histograms: bins of 1 dB, from -80 dBFS to full scale. */
const LOWEST_DB = -80;
const BINS = 81;
/** Time over which the level of the voice is remembered, seconds of audible sound: over sentences, so that a stressed word stays loud. */
const LEVEL_SECONDS = 6;
/** Audible blocks after which the estimate is believed in full: 200 ms. */
const SURE_BLOCKS = 10;
/** Time over which the noise floor is remembered, s: longer than the gaps of speech are apart. */
const FLOOR_SECONDS = 3;
/** The floor is this share of the blocks; speech has at least as many pauses and closures. */
const FLOOR_SHARE = 0.1;
/** Silence supposed before the first block, s, so that a stream that begins in mid-word counts as speech at once. */
const FLOOR_PRIOR_SECONDS = 0.3;
/** Sound whose level is less than this above its floor is steady, so hum or hiss and no speech, dB. */
const LEAST_RANGE_DB = 10;
/** Blocks this far below the level of the voice are pauses, dB. */
const PAUSE_DB = 20;
/** Blocks less than this above the floor are the noise itself, dB: 20 ms of hiss stay within 5 dB of its floor. */
const NOISE_DB = 6;
/**
 * Blocks further than this above what all but the loudest fifth reach are no voice but a door, or a voice that has gone, dB: stressed
 * vowels stay 4 dB below it. Without it 0.2 s of a slam kept the mouth shut for more than 30 s.
 */
const LOUD_SHARE = 0.8;
const OUTLIER_DB = 12;
/** A change of gain in one block, dB: quick enough for the first syllable, too slow to be taken for articulation. */
const SLEW_DB = 1.5;
/** More gain than this brings up the noise of any microphone, dB. */
const MAX_GAIN_DB = 40;

/**
 * The level of a voice while it is heard: what `speechGain` measures on a whole clip, estimated causally.
 *
 * The gain depends on no later sample and is constant within a block of 20 ms, so that chunking changes nothing. Steady
 * sound is taken for noise: it neither changes the gain nor counts as speech.
 */
export class RunningLevel {
    /** Factor on the samples that come next. */
    public gain = 1;
    /** Whether the gain is still on its way to the level that was found: what comes meanwhile says nothing about the voice. */
    public isSettling = true;
    /** Whether the block that was completed last held speech. */
    public isSpeech = false;

    private readonly meter: BlockMeter = new BlockMeter();
    private readonly levels: Float64Array = new Float64Array(BINS);
    private readonly floors: Float64Array = new Float64Array(BINS);
    /** Power of each bin. */
    private readonly powers: Float64Array = Float64Array.from({ length: BINS }, (_, i) => 10 ** ((i + LOWEST_DB) / 10));
    private audibleBlocks = 0;
    private gainDb = 0;

    public constructor() {
        this.floors[0] = FLOOR_PRIOR_SECONDS * BLOCKS_PER_SECOND;
    }

    /** A stream begins: its blocks are counted from here, not from where the last one broke off. */
    public begin(): void {
        this.meter.flush();
    }

    /** Samples until {@link gain} may change, 1..320. */
    public get missing(): number {
        return this.meter.missing;
    }

    /**
     * @param samples - 16 kHz mono, at most {@link missing} of them.
     * @returns whether they completed a block.
     */
    public push(samples: Float32Array): boolean {
        let isComplete = false;
        for (const sample of samples) isComplete = this.meter.add(sample);
        if (isComplete) this.take(this.meter.power);
        return isComplete;
    }

    private take(power: number): void {
        const bin = binOf(power);
        remember(this.floors, bin, FLOOR_SECONDS);
        const isAudible = power > SILENCE_POWER;
        if (isAudible) {
            remember(this.levels, bin, LEVEL_SECONDS);
            this.audibleBlocks++;
        }
        const level = levelDb(this.levels, this.powers);
        const floor = quantileDb(this.floors, FLOOR_SHARE);
        const hasSpeech = level - floor >= LEAST_RANGE_DB;
        const least = Math.max(level - PAUSE_DB, floor + NOISE_DB);
        this.isSpeech = hasSpeech && isAudible && bin + LOWEST_DB > least;
        if (!hasSpeech) return;
        const trust = Math.min(1, this.audibleBlocks / SURE_BLOCKS);
        const wanted = trust * Math.max(-MAX_GAIN_DB, Math.min(MAX_GAIN_DB, decibel(REFERENCE_POWER) - level));
        const missing = wanted - this.gainDb;
        this.gainDb += Math.max(-SLEW_DB, Math.min(SLEW_DB, missing));
        this.isSettling = trust < 1 || Math.abs(missing) > SLEW_DB;
        this.gain = 10 ** (this.gainDb / 20);
    }
}

function decibel(power: number): number {
    return 10 * Math.log10(power);
}

function binOf(power: number): number {
    return Math.max(0, Math.min(BINS - 1, Math.round(decibel(power) - LOWEST_DB)));
}

/** Counts a block, forgetting older ones. */
function remember(histogram: Float64Array, bin: number, seconds: number): void {
    const kept = Math.exp(-1 / (seconds * BLOCKS_PER_SECOND));
    for (let i = 0; i < BINS; i++) histogram[i] = (histogram[i] as number) * kept;
    histogram[bin] = (histogram[bin] as number) + 1;
}

/** Mean power of the active blocks, dB, as `speechGain` defines them; -Infinity where there are none. */
function levelDb(histogram: Float64Array, powers: Float64Array): number {
    const end = Math.min(BINS, quantileDb(histogram, LOUD_SHARE) + OUTLIER_DB - LOWEST_DB + 1);
    let gate = 0;
    let level = 0;
    for (;;) {
        let sum = 0;
        let count = 0;
        for (let i = 0; i < end; i++) {
            const power = powers[i] as number;
            if (power < gate) continue;
            sum += power * (histogram[i] as number);
            count += histogram[i] as number;
        }
        const next = count === 0 ? 0 : sum / count;
        // The gate only rises, over finitely many bins.
        if (next <= level) return decibel(level);
        level = next;
        gate = level * RELATIVE_GATE;
    }
}

/** Power that a share of the blocks does not exceed, dB. */
function quantileDb(histogram: Float64Array, share: number): number {
    let total = 0;
    for (const count of histogram) total += count;
    let below = 0;
    for (let i = 0; i < BINS; i++) {
        below += histogram[i] as number;
        if (below >= share * total) return i + LOWEST_DB;
    }
    return 0;
}
