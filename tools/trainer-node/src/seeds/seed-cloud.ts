import { SH_C0, shCoefficients, type BranchName } from '../../../../plugin/core/index.js';
import type { Engine } from '../native/engine.js';

/** Points to start a branch from. */
export interface SeedCloud {
    readonly count: number;
    /** `[n, 3]`, metres. */
    readonly means: Float32Array;
    /** `[n, 3]`, 0..1. */
    readonly colors: Float32Array;
}

/** Opacity of a seed. Source: 3DGS and its lineage. */
const SEED_OPACITY = 0.1;
const NEIGHBOURS = 3;
/** Bounds of a seed's deviation, metres: lone points must not start as huge splats, nor doubles as dust. */
const SCALE_RANGE: readonly [number, number] = [5e-4, 0.02];

/** Makes the seeds the splats of a branch: isotropic, as large as the mean distance to the nearest three. */
export function plantSeeds(engine: Engine, branch: BranchName, seeds: SeedCloud, shDegree: number): void {
    const { count } = seeds;
    engine.splatsResize(branch, count, shDegree);
    engine.tensorSet(`${branch}.means`, seeds.means);
    const distances = neighbourDistances(seeds.means);
    const logScales = new Float32Array(count * 3);
    const sh = new Float32Array(count * shCoefficients(shDegree) * 3);
    const row = shCoefficients(shDegree) * 3;
    for (let i = 0; i < count; i++) {
        const scale = Math.min(SCALE_RANGE[1], Math.max(SCALE_RANGE[0], distances[i] as number));
        logScales.fill(Math.log(scale), i * 3, i * 3 + 3);
        for (let c = 0; c < 3; c++) sh[i * row + c] = ((seeds.colors[i * 3 + c] as number) - 0.5) / SH_C0;
    }
    engine.tensorSet(`${branch}.logScales`, logScales);
    engine.tensorSet(`${branch}.sh`, sh);
    engine.tensorSet(
        `${branch}.logitOpacities`,
        new Float32Array(count).fill(Math.log(SEED_OPACITY / (1 - SEED_OPACITY))),
    );
}

/** Mean distance of every point to its three nearest others; brute force, 0.3 s for 10 000. */
export function neighbourDistances(means: Float32Array): Float32Array {
    const count = means.length / 3;
    const out = new Float32Array(count);
    const best = new Float64Array(NEIGHBOURS);
    for (let i = 0; i < count; i++) {
        best.fill(Number.POSITIVE_INFINITY);
        const x = means[i * 3] as number;
        const y = means[i * 3 + 1] as number;
        const z = means[i * 3 + 2] as number;
        for (let j = 0; j < count; j++) {
            if (j === i) continue;
            const dx = (means[j * 3] as number) - x;
            const dy = (means[j * 3 + 1] as number) - y;
            const dz = (means[j * 3 + 2] as number) - z;
            let d = dx * dx + dy * dy + dz * dz;
            if (d >= (best[NEIGHBOURS - 1] as number)) continue;
            for (let k = 0; k < NEIGHBOURS; k++) {
                const held = best[k] as number;
                if (d < held) {
                    best[k] = d;
                    d = held;
                }
            }
        }
        let sum = 0;
        let n = 0;
        for (const d of best) {
            if (!Number.isFinite(d)) continue;
            sum += Math.sqrt(d);
            n++;
        }
        out[i] = n === 0 ? (SCALE_RANGE[1] as number) : sum / n;
    }
    return out;
}
