import { FEATURE_FPS, TsEncoder } from '../../../plugin/audio/index.js';
import { restFeature } from '../../../plugin/audio/rest-feature.js';
import { SpeechStream, newVoiceMemory } from '../../../plugin/audio/speech-stream.js';
import type { HeadAsset } from '../../../plugin/core/index.js';
import { interleaveAsync } from '../frame/interleave.js';
import { median } from '../frame/statistics.js';
import { atRate } from './locate.js';
import type { Speech } from './speech.js';
import type { VoicePages } from './voice-page.js';

/** What a live voice costs. */
export interface Cpu {
    /** CPU time of the browser with a live voice less that of the same page without, as a share of one core: middle of the rounds. */
    readonly liveShare: number;
    /** The two it is the difference of. */
    readonly withShare: number;
    readonly withoutShare: number;
    /** Difference of each round, as shares. */
    readonly rounds: readonly number[];
    /** The streaming analysis of 48 kHz sound in Node, ms a second of sound. */
    readonly analysisMsPerSecond: number;
}

/** Sound reaches the analysis in pieces of this length, as from the tap, samples. */
const TAP_SAMPLES = 2048;
/**
 * A page's first voice runs for this long before anything counts, s: woken 23 times a second, its code takes that long until the
 * engine has compiled it for good (measured: 1.8 % of a core more in the first 15 s). Later voices of the page find it compiled.
 */
const COMPILE_SECONDS = 15;

/**
 * A page that draws 60 pictures a second with the speech playing, heard through a live voice or past it, in turn.
 *
 * @param seconds - of each measurement.
 */
export async function measureCpuAsync(
    pages: VoicePages,
    head: HeadAsset,
    speech: Speech,
    rounds: number,
    seconds: number,
): Promise<Cpu> {
    const { page } = await pages.openAsync(true);
    const session = await page.context().browser()?.newBrowserCDPSession();
    const cpuMsAsync = async (): Promise<number> => {
        const { processInfo } = (await session?.send('SystemInfo.getProcessInfo')) ?? { processInfo: [] };
        return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime * 1e3, 0);
    };
    await page.evaluate(() => globalThis.voiceBench.openAsync(48_000));
    const shareAsync = async (isThroughVoice: boolean): Promise<number> => {
        await page.evaluate((through) => globalThis.voiceBench.playOnAsync(through), isThroughVoice);
        // What begins does not count.
        await page.waitForTimeout(1500);
        const [wall, cpu] = [performance.now(), await cpuMsAsync()];
        await page.waitForTimeout(1000 * seconds);
        const used = (await cpuMsAsync()) - cpu;
        const share = used / (performance.now() - wall);
        await page.evaluate(() => globalThis.voiceBench.stopPlaying());
        return share;
    };
    await page.evaluate(() => globalThis.voiceBench.playOnAsync(true));
    await page.waitForTimeout(1000 * COMPILE_SECONDS);
    await page.evaluate(() => globalThis.voiceBench.stopPlaying());
    const samples = await interleaveAsync(
        [true, false].map((through) => ({ name: String(through), sampleAsync: () => shareAsync(through) })),
        rounds,
    );
    await page.evaluate(() => globalThis.voiceBench.closeAsync());
    pages.assertNoErrors();
    await session?.detach();
    const [withVoice, without] = [samples.get('true') ?? [], samples.get('false') ?? []];
    const differences = withVoice.map((share, round) => share - (without[round] as number));
    return {
        liveShare: median(differences),
        withShare: median(withVoice),
        withoutShare: median(without),
        rounds: differences,
        analysisMsPerSecond: await analysisCostAsync(head, speech),
    };
}

/** CPU time, so that other work on the machine counts least; the second of two passes, when all is compiled. */
async function analysisCostAsync(head: HeadAsset, speech: Speech): Promise<number> {
    const encoder = TsEncoder.fromOnnx(head.encoderOnnx);
    const rest = await restFeature(head.audio, encoder);
    const sound = atRate(speech.samples.subarray(0, 20 * speech.sampleRate), speech.sampleRate, 48_000);
    let cost = Number.NaN;
    for (let pass = 0; pass < 3; pass++) {
        const stream = new SpeechStream(48_000, head.audio, encoder, rest, newVoiceMemory(head.audio), FEATURE_FPS);
        const before = process.cpuUsage();
        for (let at = 0; at < sound.length; at += TAP_SAMPLES) await stream.push(sound.subarray(at, at + TAP_SAMPLES));
        const { user, system } = process.cpuUsage(before);
        cost = (user + system) / 1000 / (sound.length / 48_000);
    }
    return cost;
}
