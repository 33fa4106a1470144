import type { Page } from 'playwright-core';
import type { VoicePages } from './voice-page.js';

/** What the browser itself counts, after its garbage was collected. */
export interface Counts {
    /** Nodes of the audio graph. */
    readonly audioNodes: number;
    readonly workletProcessors: number;
    readonly workers: number;
    readonly eventListeners: number;
    /** Script's memory of the page, its worker and its worklets, bytes. */
    readonly heapBytes: number;
}

export interface Leaks {
    readonly interrupts: number;
    readonly before: Counts;
    readonly after: Counts;
    /** Turns that began and those that ended. */
    readonly starts: number;
    readonly ends: number;
    /** What the same counts say to twenty nodes leaked on purpose: that they would show. */
    readonly nodesSeenOfLeak: number;
    readonly isLeaking: boolean;
}

/** Interruptions before the first count: caches fill, code is compiled. */
const WARM_UP = 40;
const LEAKED = 20;
const COLLECTIONS = 6;
/** Growth of the heap that is no leak, bytes an interruption: code and caches still settle. Each sound alone is 130 kB. */
const HEAP_A_TIME = 5_000;

/** Interrupts very often, clip, queue and live at random, and counts what is left. */
export async function measureLeaksAsync(pages: VoicePages, interrupts: number): Promise<Leaks> {
    const { page } = await pages.openAsync(true);
    await page.evaluate(() => globalThis.voiceBench.openAsync(48_000));
    await page.evaluate((count) => globalThis.voiceBench.soakAsync(count, 5), WARM_UP);
    const before = await countAsync(page);
    const told = await page.evaluate((count) => globalThis.voiceBench.soakAsync(count, 6), interrupts);
    const after = await countAsync(page);
    await page.evaluate((count) => globalThis.voiceBench.leak(count), LEAKED);
    const leaked = await countAsync(page);
    await page.evaluate(() => globalThis.voiceBench.closeAsync());
    pages.assertNoErrors();
    const isLeaking =
        after.audioNodes > before.audioNodes ||
        after.workletProcessors > before.workletProcessors ||
        after.workers > before.workers ||
        after.eventListeners > before.eventListeners ||
        after.heapBytes - before.heapBytes > interrupts * HEAP_A_TIME ||
        told.starts !== told.ends;
    return { interrupts, before, after, ...told, nodesSeenOfLeak: leaked.audioNodes - after.audioNodes, isLeaking };
}

async function countAsync(page: Page): Promise<Counts> {
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable');
    // A node goes in one collection of the page, its processor in the next one of the audio thread, what it held in the one after.
    for (let round = 0; round < COLLECTIONS; round++) {
        await session.send('HeapProfiler.collectGarbage');
        await page.evaluate(() => globalThis.voiceBench.collectAsync());
    }
    const heapBytes = await page.evaluate(() => globalThis.voiceBench.memoryAsync());
    const { metrics } = await session.send('Performance.getMetrics');
    await session.detach();
    const of = (name: string): number => metrics.find((metric) => metric.name === name)?.value ?? Number.NaN;
    return {
        audioNodes: of('AudioHandlers'),
        workletProcessors: of('AudioWorkletProcessors'),
        workers: page.workers().length,
        eventListeners: of('JSEventListeners'),
        heapBytes,
    };
}
