import { bandEnergy } from './band-energy.js';
import { layOut, type KnownSpeech } from './heard-speech.js';
import { FRAME_MS, lagOf } from './lag.js';
import { unpackRun, type Run } from './packed.js';
import type { VoicePages } from './voice-page.js';

/** One run of a known clip. */
export interface ClipRow {
    readonly sampleRate: number;
    readonly isIsolated: boolean;
    /** By how much the mouth that was shown comes after the log energy of the recorded output, ms. */
    readonly shownLagMs: number;
    /** The same of the mouth of the offline analysis: articulation itself leads or follows the energy. */
    readonly offlineLagMs: number;
    /** Their difference, in video frames: what the bar is on. */
    readonly lagFrames: number;
    /** The shown mouth against the offline one, without the energy, ms. */
    readonly directLagMs: number;
    /** Correlation with the energy and its margin, of the shown mouth; margin of the offline one. */
    readonly peak: number;
    readonly margin: number;
    readonly offlineMargin: number;
    /** Samples lost or added between the beginning and the end of the output. */
    readonly slip: number;
    readonly clockResidualMs: number;
    readonly picturesPerSecond: number;
}

export interface ClipSetup {
    readonly sampleRate: number;
    readonly isIsolated: boolean;
}

/** Plays the speech as a clip in every setup, one after the other. */
export async function measureClipsAsync(
    pages: VoicePages,
    known: KnownSpeech,
    setups: readonly ClipSetup[],
    progress: (line: string) => void,
): Promise<ClipRow[]> {
    const rows: ClipRow[] = [];
    for (const setup of setups) {
        const page = await pages.openAsync(setup.isIsolated);
        const row = await pages.repeatAsync(async () => {
            const packed = await page.page.evaluate(async (sampleRate) => {
                await globalThis.voiceBench.openAsync(sampleRate);
                const run = await globalThis.voiceBench.playClipAsync();
                await globalThis.voiceBench.closeAsync();
                return run;
            }, setup.sampleRate);
            pages.assertNoErrors();
            return judgeClip(unpackRun(packed), known, setup.isIsolated);
        });
        progress(
            `clip ${setup.sampleRate} Hz${setup.isIsolated ? ' isolated' : ''}: ${row.lagFrames.toFixed(3)} frames`,
        );
        rows.push(row);
    }
    return rows;
}

/** Reads lags from a run (audio.md 6.1). */
export function judgeClip(run: Run, known: KnownSpeech, isIsolated: boolean): ClipRow {
    const { speech } = known;
    const seconds = speech.samples.length / speech.sampleRate;
    const { clock, shown, heard, slip } = layOut(run, known, seconds);
    const sound = { samples: run.output, sampleRate: run.sampleRate, start: run.outputStart };
    const energy = bandEnergy(sound, (page) => clock.heardAt(page), shown.start, shown.values.length);
    const [ours, theirs] = [lagOf(shown, energy), lagOf(heard, energy)];
    const pagesSpan = (run.pages.at(-1) as number) - (run.pages[0] as number);
    return {
        sampleRate: run.sampleRate,
        isIsolated,
        shownLagMs: ours.lagMs,
        offlineLagMs: theirs.lagMs,
        lagFrames: (ours.lagMs - theirs.lagMs) / FRAME_MS,
        directLagMs: lagOf(shown, heard).lagMs,
        peak: ours.peak,
        margin: ours.margin,
        offlineMargin: theirs.margin,
        slip,
        clockResidualMs: clock.residualMs,
        picturesPerSecond: (1000 * (run.pages.length - 1)) / pagesSpan,
    };
}
