import { BRANCH_NAMES, shCoefficients, type BranchName, type SplatSet } from '../../../plugin/core/index.js';
import { decideDensity, DENSITY_ACTION } from '../../../plugin/densify/index.js';
import type { TrainConfig } from './config.js';
import type { Engine } from './native/engine.js';
import { isCarved, type Hull } from './seeds/hull.js';

/** When to ask the policy of `plugin/densify`, and how its answer reaches the engine. */
export class DensityHook {
    readonly #config: TrainConfig;
    readonly #engine: Engine;
    readonly #extent: number;
    readonly #hull: Hull;

    public constructor(config: TrainConfig, engine: Engine, extent: number, hull: Hull) {
        this.#config = config;
        this.#engine = engine;
        this.#extent = extent;
        this.#hull = hull;
    }

    /** Called after every chunk; acts on multiples of the interval within the densification range. */
    public after(iteration: number): void {
        const { densifyInterval, densifyFrom, densifyUntil, iterations } = this.#config;
        const until = Math.floor(densifyUntil * (iterations.static + iterations.deform));
        if (iteration % densifyInterval !== 0 || iteration < densifyFrom || iteration > until) return;
        for (const branch of BRANCH_NAMES)
            this.#decide(branch, iteration, (iteration - densifyFrom) / Math.max(1, until - densifyFrom));
    }

    /** @param progress - 0 at the start of densification, 1 at its end. */
    #decide(branch: BranchName, iteration: number, progress: number): void {
        const { pixelAware, pruneOpacity, pruneSizeFrom } = this.#config;
        const splats = this.#splats(branch);
        const sums = pixelAware ? (['gradAccum', 'weightAccum'] as const) : (['gradAccumPlain', 'viewCount'] as const);
        const { actions } = decideDensity(
            {
                gradAccum: this.#engine.tensorGetF32(`${branch}.${sums[0]}`),
                weightAccum: this.#engine.tensorGetF32(`${branch}.${sums[1]}`),
            },
            splats,
            {
                gradThreshold: this.#config[branch].gradThreshold,
                extent: this.#extent,
                minOpacity: pruneOpacity[0] + (pruneOpacity[1] - pruneOpacity[0]) * progress,
                prunesLarge: iteration > pruneSizeFrom,
                maxSplats: this.#config[branch].maxSplats,
            },
        );
        if (branch === 'face') this.#pruneCarved(splats, actions);
        // The last splat stays: a branch without any cannot be rendered or grown again.
        if (actions.every((action) => action === DENSITY_ACTION.prune)) actions[0] = DENSITY_ACTION.keep;
        this.#engine.densifyApply(branch, actions);
    }

    /** Splats that left the visual hull explain background, not the subject. */
    #pruneCarved({ means, count }: SplatSet, actions: Uint8Array): void {
        for (let i = 0; i < count; i++) {
            if (isCarved(this.#hull, means[i * 3] as number, means[i * 3 + 1] as number, means[i * 3 + 2] as number))
                actions[i] = DENSITY_ACTION.prune;
        }
    }

    #splats(branch: BranchName): SplatSet {
        return readSplats(this.#engine, branch, this.#config.shDegree);
    }
}

/** A copy of a branch's canonical splats. */
export function readSplats(engine: Engine, branch: BranchName, shDegree: number): SplatSet {
    const sh = engine.tensorGetF32(`${branch}.sh`);
    const count = sh.length / (3 * shCoefficients(shDegree));
    return {
        count,
        shDegree,
        means: engine.tensorGetF32(`${branch}.means`),
        quats: engine.tensorGetF32(`${branch}.quats`),
        logScales: engine.tensorGetF32(`${branch}.logScales`),
        logitOpacities: engine.tensorGetF32(`${branch}.logitOpacities`),
        sh,
    };
}
