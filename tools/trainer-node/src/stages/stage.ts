import { BRANCH_NAMES, type BranchName } from '../../../../plugin/core/index.js';
import type { TrainConfig } from '../config.js';
import type { Curriculum } from '../curriculum.js';
import type { DensityHook } from '../density-hook.js';
import type { Engine, NativeStage, TrainStats } from '../native/engine.js';
import { CHUNK, rateScalars } from '../schedule.js';

/** What every stage works with. */
export interface StageContext {
    readonly config: TrainConfig;
    readonly engine: Engine;
    readonly curriculum: Curriculum;
    readonly density: DensityHook;
    /** Scene extent, metres. */
    readonly extent: number;
    /** Called after each chunk, density control included, with the global iteration reached. May save; must not train. */
    after(stage: TrainStage, iteration: number, stats: TrainStats): Promise<void>;
}

/** One of the three stages of method.md §5: a range of global iterations and how they are trained. */
export interface TrainStage {
    readonly name: 'static-init' | 'deformation' | 'fine-tune';
    readonly native: NativeStage;
    /** Global iterations `[first, end)`. */
    readonly first: number;
    readonly end: number;
    readonly branches: readonly BranchName[];
    /** Whether density control may run. */
    readonly densifies: boolean;
}

/** End of the chunk that starts at `iteration`: the next multiple of {@link CHUNK}, or the stage's end. */
export function chunkEnd(stage: TrainStage, iteration: number): number {
    return Math.min(stage.end, (Math.floor(iteration / CHUNK) + 1) * CHUNK);
}

/**
 * Trains a stage from a global iteration to its end.
 *
 * Every chunk sets its rates and frame lists from the iteration alone and nothing else is carried over, so a run that was
 * stopped after any chunk and resumed is bit-identical to one that was not.
 */
export async function runStage(stage: TrainStage, context: StageContext, from: number): Promise<void> {
    const { config, engine, curriculum, density, extent } = context;
    for (let iteration = from; iteration < stage.end;) {
        const end = chunkEnd(stage, iteration);
        for (const [name, value] of Object.entries(rateScalars(config, iteration, extent))) engine.set(name, value);
        for (const branch of BRANCH_NAMES)
            engine.orderSet(branch, curriculum.order(branch, iteration, end - iteration));
        const stats = await engine.trainRun(stage.native, stage.branches, end - iteration);
        iteration = end;
        if (stage.densifies) density.after(iteration);
        await context.after(stage, iteration, stats);
    }
}
