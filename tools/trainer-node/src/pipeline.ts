import { BRANCH_NAMES } from '../../../plugin/core/index.js';
import { trainingAudio, type TrainingAudio } from './audio-features.js';
import { totalIterations } from './config.js';
import { Curriculum, type FrameFacts } from './curriculum.js';
import type { Dataset } from './dataset/dataset.js';
import { DensityHook } from './density-hook.js';
import { Interrupted } from './interrupted.js';
import { averageCheckpoints, type NamedCheckpoint } from './io/average.js';
import { listCheckpoints, readNewestCheckpoint, restoreCheckpoint, saveCheckpoint } from './io/checkpoint.js';
import { learnToHear, type Ear } from './hearing.js';
import { beginFrames, loadAudio, loadFrames, trainingFrames } from './load-engine.js';
import { appendLog } from './log.js';
import { chooseDevice, type DeviceChoice } from './native/device.js';
import { Engine } from './native/engine.js';
import { writePreview } from './previews.js';
import type { Progress } from './progress.js';
import { randomStream } from './random.js';
import type { RunFolder } from './run-folder.js';
import { sceneExtent } from './scene.js';
import { rateScalars, runScalars } from './schedule.js';
import { faceSeeds } from './seeds/face-seeds.js';
import { carveHull, type Hull } from './seeds/hull.js';
import { lipsCentre, mouthSeeds } from './seeds/mouth-seeds.js';
import { plantSeeds } from './seeds/seed-cloud.js';
import { sampleViews, type View } from './seeds/views.js';
import { deformation } from './stages/deformation.js';
import { fineTune } from './stages/fine-tune.js';
import { runStage, type StageContext, type TrainStage } from './stages/stage.js';
import { staticInit } from './stages/static-init.js';
import { Turns } from './turns.js';

/** Views that the hull is carved from. Measured on rendered-f1: more than 40 change it by less than a voxel. */
const HULL_VIEWS = 40;

/** What a run is given. */
export interface RunInputs {
    readonly dataset: Dataset;
    readonly run: RunFolder;
    readonly progress: Progress;
    /** Aborted by Ctrl-C: the run saves after its current chunk and throws {@link Interrupted}. */
    readonly signal: AbortSignal;
    readonly isResumed: boolean;
    /** Checkpoint folders of runs to average with this one before it goes on. Default none. */
    readonly averagedWith?: readonly string[];
    /** Thread count to use, 0 for all cores. */
    readonly threads: number;
    /** What to train on. Default `cpu`. */
    readonly device?: DeviceChoice;
    /** GPU: frames stay in host memory and are sent when they are needed. Default: only where they would not fit. */
    readonly isStreamed?: boolean;
}

/** A trained model, still in the engine with its data; the caller disposes the engine. */
export interface TrainedModel {
    readonly engine: Engine;
    readonly audio: TrainingAudio;
}

/** The stages of a run in order. */
export function trainStages(config: RunFolder['config']): TrainStage[] {
    return [staticInit(config), deformation(config), fineTune(config)].filter((stage) => stage.end > stage.first);
}

/**
 * Trains a head from its dataset, or goes on with a run, up to the last iteration.
 *
 * @throws PgsError of the dataset, the engine or the disk; {@link Interrupted} on Ctrl-C.
 */
export async function trainHead(inputs: RunInputs): Promise<TrainedModel> {
    const { run, dataset, progress, threads } = inputs;
    const { library, note } = chooseDevice(inputs.device ?? 'cpu');
    const engine = Engine.open({ threads, seed: run.config.seed, library });
    try {
        progress.note(`device: ${note}`);
        progress.note(`engine: ${engine.buildInfo}; run folder: ${run.path}`);
        if (inputs.isStreamed === true) engine.set('data.stream', 1);
        return await trainOn(engine, inputs, dataset);
    } catch (error) {
        engine.dispose();
        throw error;
    }
}

async function trainOn(engine: Engine, inputs: RunInputs, dataset: Dataset): Promise<TrainedModel> {
    const { run, progress } = inputs;
    const { config } = run;
    const audio = trainingAudio(dataset, config.audioVariants, config.seed);
    beginFrames(engine, dataset);
    // After the frames: beginning a dataset forgets the sound of the one before.
    loadAudio(engine, audio);
    const views = await sampleViews(dataset, HULL_VIEWS);
    const hull = carveHull(views);
    const extent = sceneExtent(dataset);

    for (const branch of BRANCH_NAMES) engine.netsInit(branch, config[branch].planeBase, config[branch].planeFinest);
    engine.encoderInit();
    for (const [name, value] of Object.entries(runScalars(config, dataset.header.backgroundColor)))
        engine.set(name, value);
    // A run that was stopped before its first checkpoint begins anew.
    const isResumed = inputs.isResumed && listCheckpoints(run.checkpoints).length > 0;
    const facts = await loadAndHear(engine, inputs, !isResumed);
    const from = isResumed
        ? restoreCheckpoint(engine, resumedState(inputs), config, run.previous)
        : plantBranches(engine, inputs, hull, views);
    // A run that is resumed at its end trains no more, but is still rendered: at the degree it had.
    for (const [name, value] of Object.entries(rateScalars(config, from, extent))) engine.set(name, value);
    const curriculum = new Curriculum(config, facts);
    progress.note(
        `extent ${extent.toFixed(3)} m; ${facts.train.length} training frames, ${curriculum.mouthFrames.length} show the mouth; ` +
            `${engine.splatsCount('face')} face and ${engine.splatsCount('mouth')} mouth splats; from iteration ${from} of ${totalIterations(config)}`,
    );
    const context: StageContext = {
        config,
        engine,
        curriculum,
        density: new DensityHook(config, engine, extent, hull),
        extent,
        after: (stage, iteration, stats) => afterChunk(engine, inputs, stage, iteration, stats),
    };
    for (const stage of trainStages(config)) {
        if (from < stage.end) await runStage(stage, context, Math.max(from, stage.first));
    }
    progress.close();
    return { engine, audio };
}

/** Decodes the frames while the encoder learns to hear, which needs none of them. */
async function loadAndHear(engine: Engine, inputs: RunInputs, hears: boolean): Promise<FrameFacts> {
    const { run, dataset, progress } = inputs;
    const { config } = run;
    const turns = new Turns();
    const stop = new AbortController();
    const signal = AbortSignal.any([inputs.signal, stop.signal]);
    /** Where one fails the other stops too. */
    const halt = (error: unknown): never => {
        stop.abort(error);
        throw error;
    };
    const ear: Ear = {
        set: (name, value) => engine.set(name, value),
        hearingRun: (frames, batch) => turns.take(() => engine.hearingRun(frames, batch)),
    };
    const note = hearingNotes(progress, config.hearing.steps);
    const [facts] = await Promise.all([
        loadFrames(engine, dataset, turns, frameNotes(progress, dataset.header.frameCount), signal).catch(halt),
        hears ? learnToHear(ear, config, trainingFrames(dataset), signal, note).catch(halt) : undefined,
    ]);
    if (signal.aborted) throw new Interrupted(`npx pgstalker train --resume ${run.path}`);
    return facts;
}

/** The newest checkpoint of the run, averaged with those of others where that was asked for. */
function resumedState({ run, averagedWith = [] }: RunInputs): NamedCheckpoint {
    return averageCheckpoints(readNewestCheckpoint(run.checkpoints), averagedWith.map(readNewestCheckpoint));
}

/** Fresh seeds of both branches; returns iteration 0. */
function plantBranches(engine: Engine, { dataset, run }: RunInputs, hull: Hull, views: readonly View[]): number {
    const { config } = run;
    const random = randomStream(config.seed, 0x5eed);
    plantSeeds(engine, 'face', faceSeeds(hull, config.face.seeds, random), config.shDegree);
    plantSeeds(engine, 'mouth', mouthSeeds(lipsCentre(dataset), config.mouth.seeds, views, random), config.shDegree);
    engine.set('iteration', 0);
    return 0;
}

async function afterChunk(
    engine: Engine,
    inputs: RunInputs,
    stage: TrainStage,
    iteration: number,
    stats: Parameters<StageContext['after']>[2],
): Promise<void> {
    const { run, progress, signal, dataset } = inputs;
    const { config } = run;
    const total = totalIterations(config);
    const splats = { splatsFace: engine.splatsCount('face'), splatsMouth: engine.splatsCount('mouth') };
    const { lossFace, lossMouth, l1, dssim, seconds, iterations } = stats;
    progress.update({ stage: stage.name, iteration, total, lossFace, lossMouth, ...splats, seconds, iterations });
    appendLog(run.log, {
        iteration,
        stage: stage.name,
        lossFace,
        lossMouth,
        l1,
        dssim,
        ...splats,
        step: seconds / Math.max(1, iterations),
    });
    const isLast = iteration === total;
    if (isLast || signal.aborted || iteration % config.checkpointInterval === 0)
        saveCheckpoint(run.checkpoints, engine, config, iteration);
    if (isLast || iteration % config.previewInterval === 0)
        await writePreview(run.previews, iteration, dataset, engine, stage.native !== 'static');
    if (signal.aborted && !isLast) {
        progress.close();
        throw new Interrupted(`npx pgstalker train --resume ${run.path}`);
    }
}

function frameNotes(progress: Progress, total: number): (done: number) => void {
    const step = Math.max(1, Math.ceil(total / 4));
    return (done) => {
        if (done % step === 0 || done === total) progress.note(`frames ${done}/${total}`);
    };
}

function hearingNotes(progress: Progress, total: number): (done: number, error: number) => void {
    const step = Math.max(1, Math.ceil(total / 4));
    return (done, error) => {
        if (done % step === 0 || done === total)
            progress.note(`learning to hear ${done}/${total}: mouth opening off by ${error.toFixed(3)} r.m.s.`);
    };
}
