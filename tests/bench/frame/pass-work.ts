import {
    ALPHA_MIN,
    BIN_SIZE,
    BRANCH_NAMES,
    BRANCHES,
    POSED_SPLAT,
    CANONICAL_SPLAT,
    SCREEN_SPLAT,
    tensorSize,
    type BranchName,
    type HeadAsset,
} from '../../../plugin/core/index.js';
import { projectReference } from '../../../plugin/core/reference/index.js';
import { packColours } from '../../../plugin/splat-material/index.js';
import { benchPinhole } from './bench-view.js';
import type { PassWork } from './roofline.js';

/*
 * Compulsory work of each pass, computed from its sizes: what a dispatch reads or writes counts once, however often the kernel comes
 * back to it, so a GPU cannot do with less. Operations are counted in the WGSL, a transcendental function as one.
 */

const [WORD_BYTES, BAKED_DIM] = [4, 64] as const;
/** Centre and opacity of a posed splat: all that sort keys need, in one load. */
const MEAN_BYTES = 16;
/** A dot product, its scaling and its rounding. */
const KEY_FLOPS = 10;
/** Projection of a splat: view and clip transforms 56, rotation 40, covariance 90, conic and centre 20, colour of degree 0 10. */
const PROJECT_FLOPS = 216;
/** Test of a splat against a rectangle (tile-overlap.wgsl). */
const OVERLAP_FLOPS = 32;
/** A sample: quadratic form 9, exp and alpha 4, colour and weights 9. */
const SAMPLE_FLOPS = 22;
const QUAD_CORNERS = 4;
/** The corner's axes and place, beside the projection that every corner repeats. */
const CORNER_FLOPS = 40;
/** Half-float colour read and written, depth read; what tile-raster.wgsl writes: colour 16, depths 8. */
const [QUAD_PIXEL_BYTES, TILE_PIXEL_BYTES] = [20, 24] as const;

/** Counts the work of passes on one head. */
export class WorkCounter {
    readonly #asset: HeadAsset;
    readonly #splats: number;
    readonly #colourBytes: number;

    public constructor(asset: HeadAsset) {
        const [face, mouth] = [asset.branches.face.splats, asset.branches.mouth.splats];
        this.#asset = asset;
        this.#splats = face.count + mouth.count;
        this.#colourBytes = packColours({ face, mouth }).wordsPerSplat * WORD_BYTES;
    }

    /** @returns null for a pass whose work is not known. */
    public workOf(name: string, pixels: number | null): PassWork | null {
        if (name === 'deform') return this.#deform();
        if (name === 'sort') return this.#sort();
        if (pixels === null) return null;
        if (name === 'tile') return this.#tile(pixels);
        if (name === 'quads') return this.#quads(pixels);
        return null;
    }

    #deform(): PassWork {
        const works = BRANCH_NAMES.map((name) => {
            const { movingCount } = this.#asset.branches[name];
            const bytes = movingCount * (BAKED_DIM * WORD_BYTES + CANONICAL_SPLAT.size + POSED_SPLAT.size);
            return { bytes, flops: movingCount * networkFlops(name, this.#asset.expression.names.length) };
        });
        return sumOf(works);
    }

    /** However it sorts: a key written and read a splat, and the order written. */
    #sort(): PassWork {
        return { bytes: this.#splats * (MEAN_BYTES + 3 * WORD_BYTES), flops: this.#splats * KEY_FLOPS };
    }

    #tile(pixels: number): PassWork {
        const bins = Math.ceil(pixels / BIN_SIZE) ** 2;
        const bitBytes = (bins * this.#splats) / 8;
        const screenBytes = this.#splats * SCREEN_SPLAT.size;
        // Written by the projection, read by bins and blending; how many samples are blended before pixels end is not known.
        return {
            bytes: this.#drawnBytes() + 3 * screenBytes + 2 * bitBytes + pixels ** 2 * TILE_PIXEL_BYTES,
            flops: this.#splats * (PROJECT_FLOPS + bins * OVERLAP_FLOPS),
        };
    }

    #quads(pixels: number): PassWork {
        const corners = this.#splats * QUAD_CORNERS * (PROJECT_FLOPS + CORNER_FLOPS);
        return {
            bytes: this.#drawnBytes() + pixels ** 2 * QUAD_PIXEL_BYTES,
            flops: corners + this.#samples(pixels) * SAMPLE_FLOPS,
        };
    }

    /** Order, posed splats and colours. */
    #drawnBytes(): number {
        return this.#splats * (WORD_BYTES + POSED_SPLAT.size + this.#colourBytes);
    }

    /** Pixels under all ellipses on which alpha reaches ALPHA_MIN, of the head at rest. */
    #samples(pixels: number): number {
        const camera = benchPinhole(pixels);
        return BRANCH_NAMES.reduce((sum, name) => {
            const { count, radii, conics, opacities } = projectReference(this.#asset.branches[name].splats, camera);
            for (let i = 0; i < count; i++) {
                const power = Math.log(Number(opacities[i]) / ALPHA_MIN);
                if (radii[i] === 0 || power <= 0) continue;
                const [a, b, c] = [0, 1, 2].map((k) => Number(conics[i * 3 + k])) as [number, number, number];
                sum += (2 * Math.PI * power) / Math.sqrt(a * c - b * b);
            }
            return sum;
        }, 0);
    }
}

/** What is left of a network a splat: layers 1 and 2, for the mouth also the mix that takes its gate to layer 0. */
function networkFlops(name: BranchName, numExpressions: number): number {
    const weights = BRANCHES[name]
        .layers(numExpressions)
        .filter((spec) => /^mlp[12]\./.test(spec.name))
        .reduce((sum, spec) => sum + tensorSize(spec), 0);
    const mix = name === 'mouth' ? BRANCHES[name].hiddenDim ** 2 : 0;
    return 2 * (weights + mix);
}

function sumOf(works: readonly PassWork[]): PassWork {
    return works.reduce((sum, { bytes, flops }) => ({ bytes: sum.bytes + bytes, flops: sum.flops + flops }));
}
