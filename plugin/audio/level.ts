/** Mean power of active speech, 60 Hz to 1 kHz, that every clip is scaled to: -23 dBFS, so that one set of statistics fits any recording. */
export const REFERENCE_POWER: number = 10 ** (-23 / 10);
/** Blocks weaker than this share of the active mean are pauses: -15 dB. */
export const RELATIVE_GATE: number = 10 ** (-15 / 10);
/** A clip whose active mean is below -60 dBFS holds no speech; amplifying it would make lips dance to hiss. */
export const SILENCE_POWER = 1e-6;
/** Block of the level meter: 20 ms at 16 kHz. */
export const LEVEL_BLOCK = 320;
const MAX_ROUNDS = 16;
/**
 * One-pole coefficients at 16 kHz, 1 - exp(-2 pi f / 16000). Vowels carry the level of speech, between 60 Hz and 1 kHz.
 * Without the band limit, what a resampler takes away near 8 kHz would change the level of a bright sound by 0.4 dB.
 */
const LOW_PASS = 1 - Math.exp((-2 * Math.PI * 1000) / 16000);
const DC_PASS = 1 - Math.exp((-2 * Math.PI * 60) / 16000);

/**
 * Gain that brings a clip to the reference speech level.
 *
 * The level is the mean power of the active blocks: those within 15 dB of that mean, found by iterating from the mean of
 * all blocks. Every gate is relative, so scaling the clip scales the level by exactly that power and the features do not
 * depend on the recording's gain; pauses do not count, and one click hardly does.
 *
 * @param samples - 16 kHz mono.
 * @returns factor on the samples; 1 for a clip without speech.
 */
export function speechGain(samples: Float32Array): number {
    const level = activePower(samples);
    return level < SILENCE_POWER ? 1 : Math.sqrt(REFERENCE_POWER / level);
}

function activePower(samples: Float32Array): number {
    const powers = blockPowers(samples);
    let gate = 0;
    let level = 0;
    for (let round = 0; round < MAX_ROUNDS; round++) {
        let sum = 0;
        let count = 0;
        for (const power of powers) {
            if (power < gate) continue;
            sum += power;
            count++;
        }
        const next = count === 0 ? 0 : sum / count;
        if (next === level) break;
        level = next;
        gate = level * RELATIVE_GATE;
    }
    return level;
}

function blockPowers(samples: Float32Array): number[] {
    const powers: number[] = [];
    const meter = new BlockMeter();
    for (const sample of samples) if (meter.add(sample)) powers.push(meter.power);
    if (meter.flush()) powers.push(meter.power);
    return powers;
}

/** Mean power of blocks of {@link LEVEL_BLOCK} samples at 16 kHz, 60 Hz to 1 kHz, one sample at a time. */
export class BlockMeter {
    /** Of the block that was completed last. */
    public power = 0;
    private dc = 0;
    private once = 0;
    private twice = 0;
    private sum = 0;
    private count = 0;

    /** Samples until the block that is under way is complete, 1..{@link LEVEL_BLOCK}. */
    public get missing(): number {
        return LEVEL_BLOCK - this.count;
    }

    /** @returns whether this sample completed a block. */
    public add(sample: number): boolean {
        this.dc += DC_PASS * (sample - this.dc);
        this.once += LOW_PASS * (sample - this.dc - this.once);
        this.twice += LOW_PASS * (this.once - this.twice);
        this.sum += this.twice * this.twice;
        return ++this.count === LEVEL_BLOCK && this.flush();
    }

    /** Completes a block early, at the end of a clip. @returns whether there was any sample in it. */
    public flush(): boolean {
        if (this.count === 0) return false;
        this.power = this.sum / this.count;
        this.sum = 0;
        this.count = 0;
        return true;
    }
}
