import { interleaveAsync, type Contestant } from './interleave.js';
import { openBenchPageAsync, type OpenPage } from './open-page.js';
import type { RoundPlan } from './options.js';
import type { FrameVariant } from './page/frame-contest.js';
import type { NetVariant } from './page/net-contest.js';
import type {} from './page/page.js';
import type { BrowserResult, BrowserRow } from './report.js';
import { mean, median, quantile } from './statistics.js';

const FRAME_VARIANTS: readonly FrameVariant[] = [
    'babylonStatic',
    'oursAtRest',
    'oursTalking',
    'oursAllSplats',
    'oursTiles',
];
/** Runs of a network in a round: the CPU clock of processes has steps of 10 ms. */
const NET_RUNS: Readonly<Record<NetVariant, number>> = {
    ours: 3,
    ortWebGpuNaive: 1,
    ortWebGpuRefactored: 1,
    ortWasmNaive: 3,
    ortWasmRefactored: 3,
};

/** Measured 45.6 with the peer's 8-bit rotations, 42 with wrong ones. */
const SAME_PICTURE_DB = 44;

interface BrowserSample {
    readonly wallMs: number;
    readonly cpuMs: number | null;
}

/** Runs both contests in a browser. @throws Error - no browser, no adapter, or a peer that answers something else. */
export async function measureBrowserAsync(
    isSoftware: boolean,
    plan: RoundPlan,
    progress: (line: string) => void,
): Promise<BrowserResult> {
    progress('browser: building the page');
    const open = await openBenchPageAsync(isSoftware);
    try {
        const { page } = open;
        const adapter = await page.evaluate(() => benchPage.adapterAsync());
        progress(`browser: preparing frames on ${adapter.name}`);
        const peerPictureDb = await page.evaluate(() => benchPage.startFramesAsync());
        if (!(peerPictureDb >= SAME_PICTURE_DB)) {
            throw new Error(
                `bench: expected Babylon's mesh to draw our picture to ${SAME_PICTURE_DB} dB, got ${peerPictureDb.toFixed(1)}. Mend peer-mesh.ts.`,
            );
        }
        const frames = await measureFramesAsync(open, plan, progress);
        await page.evaluate(() => benchPage.endFrames());
        progress('browser: preparing networks');
        await page.evaluate(() => benchPage.startNetsAsync());
        const nets = await measureNetsAsync(open, plan, progress);
        await page.evaluate(() => benchPage.endNetsAsync());
        return { adapter: adapter.name, isSoftware: adapter.isSoftware, nets, frames, peerPictureDb };
    } finally {
        await open.closeAsync();
    }
}

async function measureFramesAsync(
    { page, cpuMsAsync }: OpenPage,
    plan: RoundPlan,
    progress: (line: string) => void,
): Promise<BrowserRow[]> {
    const { frames: rounds, framesPerRound, tileFramesEvery } = plan;
    progress('frames: level of detail measures the orbit');
    const orbit = rounds * (framesPerRound + 1);
    const drawn = await page.evaluate((frames) => benchPage.familiariseAsync(frames), orbit);
    for (const [name, [some, all]] of Object.entries(drawn)) progress(`frames: ${name} draws ${some} of ${all} splats`);
    const contestants = FRAME_VARIANTS.map((variant): Contestant<BrowserSample> => {
        const isTiles = variant === 'oursTiles';
        // The first frame after another variant's pays for cold caches and is not timed.
        const count = (isTiles ? 1 : framesPerRound) + 1;
        return {
            name: variant,
            every: isTiles ? tileFramesEvery : 1,
            sampleAsync: async (round) => {
                const before = await cpuMsAsync();
                const times = await page.evaluate(
                    ([name, first, frames]) => benchPage.framesAsync(name, first, frames),
                    [variant, round * (framesPerRound + 1), count] as const,
                );
                const cpuMs = difference(await cpuMsAsync(), before);
                // The mean: a pose is computed in five of twelve frames only.
                return { wallMs: mean(times.slice(1)), cpuMs: cpuMs === null ? null : cpuMs / count };
            },
        };
    });
    const samples = await interleaveAsync(contestants, rounds, (round) =>
        progress(`frames: round ${round + 1} of ${rounds}`),
    );
    return [...samples].map(rowOf);
}

async function measureNetsAsync(
    { page, cpuMsAsync }: OpenPage,
    { nets: rounds }: RoundPlan,
    progress: (line: string) => void,
): Promise<BrowserRow[]> {
    const contestants = Object.entries(NET_RUNS).map(([variant, count]): Contestant<BrowserSample> => ({
        name: variant,
        sampleAsync: async () => {
            const before = await cpuMsAsync();
            const wallMs = await page.evaluate(([name, runs]) => benchPage.netsAsync(name, runs), [
                variant as NetVariant,
                count,
            ] as const);
            const cpuMs = difference(await cpuMsAsync(), before);
            return { wallMs, cpuMs: cpuMs === null ? null : cpuMs / count };
        },
    }));
    const samples = await interleaveAsync(contestants, rounds, (round) =>
        progress(`networks: round ${round + 1} of ${rounds}`),
    );
    return [...samples].map(rowOf);
}

function difference(after: number | null, before: number | null): number | null {
    return after === null || before === null ? null : after - before;
}

function rowOf([name, samples]: readonly [string, readonly BrowserSample[]]): BrowserRow {
    const walls = samples.map(({ wallMs }) => wallMs);
    const cpu = samples.flatMap(({ cpuMs }) => cpuMs ?? []);
    return {
        name,
        rounds: samples.length,
        wallMs: median(walls),
        wallP95Ms: quantile(walls, 0.95),
        cpuMs: cpu.length > 0 ? median(cpu) : null,
    };
}
