import { readFileSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
    computeSpeechFeatures,
    decodeWav,
    initEncoderWeights,
    TsEncoder,
    writeEncoderOnnx,
    analyseClip,
} from '../../plugin/audio/index.js';
import type * as AudioModule from '../../plugin/audio/index.js';
import { findChromium } from '../../scripts/chromium.mjs';
import { testFrontEnd } from './sounds.js';

declare global {
    /** What the bundle under test calls itself in the page. */
    var PgsAudio: typeof AudioModule;
}

const wav = readFileSync(new URL('../fixtures/hello-3s.wav', import.meta.url));
const frontEnd = testFrontEnd();
const onnx = writeEncoderOnnx(initEncoderWeights(1), frontEnd);
const input = { wav: wav.toString('base64'), onnx: Buffer.from(onnx).toString('base64'), frontEnd };

/** `plugin/audio` as one script that defines `PgsAudio`. */
async function bundle(): Promise<string> {
    const entry = new URL('../../plugin/audio/index.ts', import.meta.url).pathname;
    const lib = { entry, formats: ['iife' as const], name: 'PgsAudio' };
    const built = await build({
        configFile: false,
        publicDir: false,
        logLevel: 'error',
        // Loaded on demand only, and 14 MB where it is bundled.
        build: { write: false, lib, minify: false, rolldownOptions: { external: [/^onnxruntime-web/] } },
    });
    const outputs = (Array.isArray(built) ? built : [built]) as { output: { code?: string }[] }[];
    return outputs[0]?.output[0]?.code ?? '';
}

const executablePath = findChromium();

describe.skipIf(executablePath === undefined)('voice in Chromium', () => {
    let browser: Browser | undefined;
    let script: string;

    beforeAll(async () => {
        script = await bundle();
        browser = await chromium.launch({ executablePath: executablePath as string, args: ['--no-sandbox'] });
    });

    afterAll(async () => {
        await browser?.close();
    });

    async function openPage(): Promise<Page> {
        const page = await (browser as Browser).newPage();
        await page.setContent('<title>voice</title>');
        await page.addScriptTag({ content: script });
        return page;
    }

    it('computes the same features and f_a as Node, to the last bit', async () => {
        const page = await openPage();
        const actual = await page.evaluate(async ({ wav, onnx, frontEnd }) => {
            const bytes = (text: string): Uint8Array => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            const { samples, sampleRate } = PgsAudio.decodeWav(bytes(wav));
            const encoder = PgsAudio.TsEncoder.fromOnnx(bytes(onnx));
            const { mel } = PgsAudio.computeSpeechFeatures(samples, sampleRate, frontEnd);
            const { features } = await PgsAudio.analyseClip(samples, sampleRate, frontEnd, encoder);
            return { mel: [...mel], features: [...features] };
        }, input);
        await page.close();
        const { samples, sampleRate } = decodeWav(wav);
        expect(actual.mel).toEqual([...computeSpeechFeatures(samples, sampleRate, frontEnd).mel]);
        const timeline = await analyseClip(samples, sampleRate, frontEnd, TsEncoder.fromOnnx(onnx));
        expect(actual.features).toEqual([...timeline.features]);
    });

    it('plays in real time on a real audio clock, and ends', async () => {
        const page = await openPage();
        await page.evaluate(async ({ wav, onnx, frontEnd }) => {
            const bytes = (text: string): Uint8Array => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            const { samples, sampleRate } = PgsAudio.decodeWav(bytes(wav));
            const encoder = PgsAudio.TsEncoder.fromOnnx(bytes(onnx));
            const context = new AudioContext();
            const voice = await PgsAudio.Voice.createAsync({
                frontEnd,
                encoder,
                audioContext: context,
                createObservable: () => new PgsAudio.SimpleObservable(),
            });
            const buffer = context.createBuffer(1, samples.length, sampleRate);
            buffer.copyToChannel(samples as Float32Array<ArrayBuffer>, 0);
            const run = { warnings: 0, ends: 0, rows: [] as [number, number][], changed: 0, source: '' };
            Object.assign(globalThis, { run });
            voice.onWarningObservable.add(() => run.warnings++);
            voice.onEndObservable.add(() => run.ends++);
            const out = new Float32Array(32);
            const frame = (): void => {
                if (voice.sampleFeatures(out)) run.changed++;
                if (voice.isPlaying && voice.currentTime > 0)
                    run.rows.push([performance.now() / 1000, voice.currentTime]);
                run.source = voice.metrics.clockSource;
                requestAnimationFrame(frame);
            };
            frame();
            await voice.play(buffer);
        }, input);
        await page.waitForFunction(() => (globalThis as unknown as { run: { ends: number } }).run.ends > 0);
        type Run = { warnings: number; ends: number; rows: [number, number][]; changed: number; source: string };
        const run = await page.evaluate(() => (globalThis as unknown as { run: Run }).run);
        await page.close();
        expect(run.warnings).toBe(0);
        expect(run.source).toBe('output-timestamp');
        expect(run.changed).toBeGreaterThan(20);
        // Clip time against page time: the same pace, and within half a video frame of one line throughout.
        const offsets = run.rows.map(([page, heard]) => heard - page).sort((a, b) => a - b);
        const median = offsets[offsets.length >> 1] as number;
        const p95 = offsets.map((offset) => Math.abs(offset - median)).sort((a, b) => a - b)[
            Math.floor(offsets.length * 0.95)
        ];
        expect(p95).toBeLessThan(0.02);
        expect(run.rows.at(-1)?.[1]).toBeGreaterThan(2.8);
    });
});
