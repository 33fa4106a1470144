import { describeAdapter, isSoftwareAdapter } from '../adapter-name.js';
import { FrameContest, type FrameVariant } from './frame-contest.js';
import { NetContest, type NetVariant } from './net-contest.js';

/** Splats of every contest in the browser. */
const SPLATS = 30_000;

/** The bench's page, driven from Node: one contest at a time, so that the other holds no memory. */
export class BenchPage {
    #frames: FrameContest | undefined;
    #nets: NetContest | undefined;

    /** What WebGPU runs on here. @throws Error - no adapter. */
    public async adapterAsync(): Promise<{ name: string; isSoftware: boolean }> {
        const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
        if (!adapter) throw new Error('the browser offers no WebGPU adapter');
        return { name: describeAdapter(adapter.info), isSoftware: isSoftwareAdapter(adapter.info) };
    }

    /** @returns PSNR of the peer's picture against ours, dB. */
    public async startFramesAsync(): Promise<number> {
        const canvas = document.getElementById('canvas') as HTMLCanvasElement;
        this.#frames = await FrameContest.createAsync(canvas, SPLATS);
        return this.#frames.peerPictureDbAsync();
    }

    /** Draws frames `first .. first + count` of a variant; ms a frame, GPU work finished. */
    public async framesAsync(variant: FrameVariant, first: number, count: number): Promise<number[]> {
        if (!this.#frames) throw new Error('the frames were not started');
        return this.#frames.framesAsync(variant, first, count);
    }

    /** See {@link FrameContest.familiariseAsync}. */
    public async familiariseAsync(frames: number): ReturnType<FrameContest['familiariseAsync']> {
        if (!this.#frames) throw new Error('the frames were not started');
        return this.#frames.familiariseAsync(frames);
    }

    public endFrames(): void {
        this.#frames?.dispose();
        this.#frames = undefined;
    }

    public async startNetsAsync(): Promise<void> {
        this.#nets = await NetContest.createAsync(SPLATS);
    }

    /** Runs a network `count` times; ms a run, GPU work finished. */
    public async netsAsync(variant: NetVariant, count: number): Promise<number> {
        if (!this.#nets) throw new Error('the networks were not started');
        return this.#nets.runAsync(variant, count);
    }

    public async endNetsAsync(): Promise<void> {
        await this.#nets?.disposeAsync();
        this.#nets = undefined;
    }
}

declare global {
    /** Set when the page has run its script. */
    var benchPage: BenchPage;
}

globalThis.benchPage = new BenchPage();
