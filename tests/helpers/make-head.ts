import { createSplatSet, SH_C0, shCoefficients, type HeadAsset, type SplatSet } from '../../plugin/core/index.js';
import { headOf } from './head-of.js';
import { bell, random } from './random-splats.js';

/** What {@link makeHead} makes. */
export interface MakeHeadOptions {
    readonly faceCount: number;
    readonly mouthCount: number;
    readonly seed: number;
    /** 0..3; default 1. */
    readonly shDegree?: number;
    /** Part of each branch that moves, 0..1; default 0.8. The rest are shoulders, outside the planes' bound. */
    readonly movingShare?: number;
    /** Scale of the networks' weights, see {@link headOf}; 0 makes every pose the rest pose. */
    readonly strength?: number;
}

/** An ellipsoid's shell, metres. */
interface Shell {
    readonly centre: readonly [number, number, number];
    readonly radii: readonly [number, number, number];
    readonly colour: readonly [number, number, number];
}

const SKULL: Shell = { centre: [0, 0, 0], radii: [0.075, 0.11, 0.095], colour: [0.78, 0.6, 0.5] };
const SHOULDERS: Shell = { centre: [0, -0.26, -0.03], radii: [0.2, 0.1, 0.1], colour: [0.25, 0.3, 0.42] };
const MOUTH: Shell = { centre: [0, -0.045, 0.06], radii: [0.022, 0.012, 0.018], colour: [0.45, 0.16, 0.16] };
/** Where splats of the mouth that do not move lie: behind the bound, as a throat would. */
const THROAT: Shell = { centre: [0, -0.2, -0.02], radii: [0.02, 0.02, 0.02], colour: [0.3, 0.1, 0.1] };

/** A bust of shells with seeded networks: a whole {@link HeadAsset} without training. Same options, same head. */
export function makeHead(options: MakeHeadOptions): HeadAsset {
    const { faceCount, mouthCount, seed, shDegree = 1, movingShare = 0.8, strength = 0.5 } = options;
    const branch = (count: number, moving: Shell, still: Shell, salt: number): SplatSet => {
        const movingCount = Math.floor(count * movingShare);
        return shellSplats(count, shDegree, seed * 7 + salt, (i) => (i < movingCount ? moving : still));
    };
    const face = branch(faceCount, SKULL, SHOULDERS, 1);
    const mouth = branch(mouthCount, MOUTH, THROAT, 2);
    return headOf(face, mouth, { seed, strength, movingShare });
}

function shellSplats(count: number, shDegree: number, seed: number, shellOf: (i: number) => Shell): SplatSet {
    const next = random(seed);
    const normal = bell(next);
    const splats = createSplatSet(count, shDegree);
    const width = shCoefficients(shDegree) * 3;
    for (let i = 0; i < count; i++) {
        const { centre, radii, colour } = shellOf(i);
        const direction = [normal(), normal(), normal()];
        const length = Math.hypot(...direction);
        // Discs that cover the shell about twice, whatever their number.
        const size = 0.8 * Math.sqrt((radii[0] * radii[1]) / Math.max(1, count));
        for (let axis = 0; axis < 3; axis++) {
            const offset = ((direction[axis] as number) / length) * (radii[axis] as number);
            splats.means[i * 3 + axis] = (centre[axis] as number) + offset;
            splats.logScales[i * 3 + axis] = Math.log(size * (0.5 + next()));
            splats.sh[i * width + axis] = ((colour[axis] as number) - 0.5 + 0.05 * normal()) / SH_C0;
        }
        for (let k = 3; k < width; k++) splats.sh[i * width + k] = 0.05 * normal();
        for (let k = 0; k < 4; k++) splats.quats[i * 4 + k] = normal();
        splats.logitOpacities[i] = 1 + normal();
    }
    return splats;
}
