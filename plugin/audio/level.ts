/** Mean power of active speech, 60 Hz to 1 kHz, that every clip is scaled to: -23 dBFS, so that one set of statistics fits any recording. */
const REFERENCE_POWER = 10 ** (-23 / 10);
/** Blocks weaker than this share of the active mean are pauses: -15 dB. */
const RELATIVE_GATE = 10 ** (-15 / 10);
/** A clip whose active mean is below -60 dBFS holds no speech; amplifying it would make lips dance to hiss. */
const SILENCE_POWER = 1e-6;
/** Block of the level meter: 20 ms at 16 kHz. */
const BLOCK = 320;
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

function blockPowers(samples: Float32Array): Float64Array {
    const powers = new Float64Array(Math.ceil(samples.length / BLOCK));
    let dc = 0;
    let once = 0;
    let twice = 0;
    for (let b = 0; b < powers.length; b++) {
        const end = Math.min(samples.length, (b + 1) * BLOCK);
        let sum = 0;
        for (let i = b * BLOCK; i < end; i++) {
            const sample = samples[i] as number;
            dc += DC_PASS * (sample - dc);
            once += LOW_PASS * (sample - dc - once);
            twice += LOW_PASS * (once - twice);
            sum += twice * twice;
        }
        powers[b] = sum / (end - b * BLOCK);
    }
    return powers;
}
