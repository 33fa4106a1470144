import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { resolve } from 'node:path';
import { analyseClip, TsEncoder, type FeatureTimeline } from '../../../plugin/audio/index.js';
import { AUDIO_FEAT_DIM, decodeHead } from '../../../plugin/core/index.js';
import { missingBrowser } from '../../helpers/chromium.js';
import { median } from '../frame/statistics.js';
import { aperturesOf, fitAperture } from './aperture.js';
import { measureClipsAsync } from './clip-part.js';
import { measureCpuAsync } from './cpu-part.js';
import { csvRow, withRow } from './csv-row.js';
import { measureDriftAsync } from './drift-part.js';
import { measureFeaturesAsync } from './feature-part.js';
import { measureInterruptsAsync } from './interrupt-part.js';
import { measureLeaksAsync } from './leak-part.js';
import { analysisErrorAsync, measureLiveAsync } from './live-part.js';
import { parseOptions, planOf, USAGE } from './options.js';
import { isPassing, reportOf, type Report } from './report.js';
import { makeSpeech } from './speech.js';
import { tableOf } from './table.js';
import { VoicePages } from './voice-page.js';

const ROOT = resolve(import.meta.dirname, '../../..');
const CSV = resolve(ROOT, 'docs/benchmarks/voice.csv');
const HEAD = resolve(ROOT, 'sandbox/public/avatars/ava.glb');
/** Frames of speech that the opening of the mouth is fitted to and tried on: the reference takes 10 ms for each. */
const APERTURE_FRAMES = 300;

/** Runs the bench. @returns the exit code: 0 every bar kept; 1 one missed; 2 could not measure. */
export async function main(args: readonly string[]): Promise<number> {
    const started = performance.now();
    const progress = (line: string): void => {
        process.stderr.write(`${((performance.now() - started) / 1e3).toFixed(0).padStart(4)} s  ${line}\n`);
    };
    try {
        const options = parseOptions(args);
        if (options.help) {
            process.stdout.write(USAGE);
            return 0;
        }
        const report = await measureAsync(options.quick, progress);
        if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
        else {
            process.stdout.write(`${tableOf(report)}\n`);
            writeFileSync(CSV, withRow(existsSync(CSV) ? readFileSync(CSV, 'utf8') : '', csvRow(report)));
            progress(`appended a row to ${CSV}`);
        }
        return isPassing(report) ? 0 : 1;
    } catch (error) {
        process.stderr.write(`${(error as Error).message}\n`);
        return 2;
    }
}

async function measureAsync(isQuick: boolean, progress: (line: string) => void): Promise<Report> {
    const missing = missingBrowser();
    // Before anything is measured in vain.
    if (missing !== undefined) throw new Error(`bench: expected Chromium or Chrome, got ${missing}.`);
    const plan = planOf(isQuick);
    const [load = 0] = loadavg();
    const glb = readFileSync(HEAD);
    const head = decodeHead(glb);
    const speech = await makeSpeech(plan.speechSeconds);
    const encoder = TsEncoder.fromOnnx(head.encoderOnnx);
    const timeline = await analyseClip(speech.samples, speech.sampleRate, head.audio, encoder);
    const aperture = fitAperture(head, timeline.features.subarray(0, APERTURE_FRAMES * AUDIO_FEAT_DIM));
    const known = { speech, aperture, offline: aperturesOf(aperture, timeline.features) };
    progress(`${plan.speechSeconds} s of speech; opening of the mouth: R2 ${aperture.r2.toFixed(4)}`);
    const drift = {
        clip: await measureDriftAsync(head, known, 'clip', plan.driftMinutes),
        live: await measureDriftAsync(head, known, 'live', plan.driftMinutes),
    };
    progress(`drift over ${plan.driftMinutes} simulated minutes`);
    const pages = new VoicePages({ 'head.glb': glb, 'speech.wav': speech.wav });
    try {
        const clips = await measureClipsAsync(pages, known, plan.clips, progress);
        const liveRuns = await measureLiveAsync(pages, known, plan.live, progress);
        const places = plan.speechSeconds - 5;
        const usual = usualDistance(timeline);
        const interrupts = await measureInterruptsAsync(pages, plan.interrupts, usual, places, progress);
        const leaks = await measureLeaksAsync(pages, plan.leakInterrupts);
        progress(`${plan.leakInterrupts} interruptions ${leaks.isLeaking ? 'leak' : 'leak nothing'}`);
        const features = await measureFeaturesAsync(pages, head, speech);
        const cpu = await measureCpuAsync(pages, head, speech, plan.cpuRounds, plan.cpuSeconds);
        return reportOf({
            date: new Date().toISOString().slice(0, 10),
            commit: commitOf(),
            mode: isQuick ? 'quick' : 'full',
            machine: `${cpus()[0]?.model.trim() ?? 'unknown'} x${cpus().length}`,
            load,
            loadAtEnd: loadavg()[0] ?? 0,
            apertureR2: aperture.r2,
            clips,
            drift,
            liveRuns,
            analysisErrorP95Ms: await analysisErrorAsync(head, known),
            interrupts,
            leaks,
            features,
            cpu,
            voidRuns: pages.voidRuns,
        });
    } finally {
        await pages.closeAsync();
    }
}

/** Middle distance of f_a from rest over speech and its pauses. */
function usualDistance({ features, rest, frameCount }: FeatureTimeline): number {
    return median(
        Array.from({ length: frameCount }, (_, k) =>
            Math.hypot(...rest.map((value, i) => (features[k * AUDIO_FEAT_DIM + i] as number) - value)),
        ),
    );
}

/** Short hash, with a plus where the working tree differs. */
function commitOf(): string {
    const git = (...args: string[]): string =>
        execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    try {
        const isClean = git('status', '--porcelain', '--', 'plugin', 'tests', 'package-lock.json') === '';
        return `${git('rev-parse', '--short', 'HEAD')}${isClean ? '' : '+'}`;
    } catch {
        return 'unknown';
    }
}
