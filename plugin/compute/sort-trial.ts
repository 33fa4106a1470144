import { POSED_SPLAT } from '../core/index.js';
import { GpuArena } from './gpu-arena.js';
import { PassStopwatch, type PassDuration } from './pass-duration.js';
import { SORT_LAYOUTS, type SortPrecision } from './sort-kernels.js';
import type { SortedView, SortInput } from './sorted-view.js';

/** Distinct depths lie this many key steps apart, so that no rounding of the GPU can change the order. */
const LEVEL_STEPS = 8;

/** Every so many splats, one has the depth of the splat before it: ties must end in the order of ids. */
const TIE_EVERY = 5;

/**
 * A scratch head of pseudo-random depths on a device, whose order is known: tells whether a sort is right, and how long it takes.
 */
export class SortTrial {
    /** What a contender sorts; its buffers are the trial's. */
    public readonly input: SortInput;
    readonly #idMask: number;
    readonly #expected: Uint32Array;
    readonly #readable: GPUBuffer;
    readonly #stopwatch: PassStopwatch;

    /** @throws PgsError `GPU_LIMIT`; then nothing is left behind. */
    public constructor(device: GPUDevice, splatCount: number, precision: SortPrecision) {
        const { depthSteps, idMask } = SORT_LAYOUTS[precision];
        const levelCount = (depthSteps + 1) / LEVEL_STEPS;
        const levels = pseudoRandomLevels(splatCount, levelCount);
        const faceCount = Math.floor(splatCount * 0.7);
        const arena = new GpuArena(device, 'sort trial');
        try {
            const posedSplats = arena.storage('posed', posedAtLevels(levels, levelCount));
            const { COPY_DST, MAP_READ } = GPUBufferUsage;
            this.#readable = arena.raw('read', splatCount * 4, COPY_DST | MAP_READ);
            this.#stopwatch = new PassStopwatch(device, arena);
            this.input = { device, arena, posedSplats, splatCount, faceCount };
        } catch (error) {
            arena.dispose();
            throw error;
        }
        this.#idMask = idMask;
        this.#expected = orderOfLevels(levels, levelCount, faceCount);
    }

    /** Sorts once. @returns what is wrong with the order, as a clause; undefined when it is right. */
    public async faultOfAsync(view: SortedView): Promise<string | undefined> {
        const { device } = this.input;
        const expected = this.#expected;
        view.aim({ x: 0, y: 0, z: 1, offset: 0, range: 1 });
        const encoder = device.createCommandEncoder({ label: 'sort trial' });
        const pass = encoder.beginComputePass({ label: 'sort trial' });
        view.record(pass);
        pass.end();
        encoder.copyBufferToBuffer(view.order, 0, this.#readable, 0, expected.length * 4);
        device.queue.submit([encoder.finish()]);
        await this.#readable.mapAsync(GPUMapMode.READ);
        const order = new Uint32Array(this.#readable.getMappedRange()).map((entry) => entry & this.#idMask);
        this.#readable.unmap();
        const at = expected.findIndex((id, place) => order[place] !== id);
        return at < 0 ? undefined : `expected splat ${expected[at]} at place ${at}, got ${order[at]}`;
    }

    /** Sorts `repeats` times in one pass. @returns time of one sort. */
    public async timeAsync(view: SortedView, repeats: number): Promise<PassDuration> {
        const { wallMs, gpuMs } = await this.#stopwatch.timeAsync((pass) => {
            for (let repeat = 0; repeat < repeats; repeat++) view.record(pass);
        });
        return { wallMs: wallMs / repeats, gpuMs: gpuMs === undefined ? undefined : gpuMs / repeats };
    }

    /** Frees everything, the buffers of the views that were made of {@link input} too. */
    public dispose(): void {
        this.#stopwatch.dispose();
        this.input.arena.dispose();
    }
}

/** A depth a splat, 0..levelCount - 1; the same on every call, so that a fault can be found again. */
function pseudoRandomLevels(splatCount: number, levelCount: number): Uint32Array {
    const levels = new Uint32Array(splatCount);
    let state = 1;
    for (let i = 0; i < splatCount; i++) {
        // Multiplier and increment of "Numerical Recipes"; the upper bits are the random ones.
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        levels[i] = i % TIE_EVERY === 1 ? (levels[i - 1] as number) : Math.floor((state / 2 ** 32) * levelCount);
    }
    return levels;
}

/** `PosedSplat[N]` with the depths along z, 0..1; all else is zero. */
function posedAtLevels(levels: Uint32Array, levelCount: number): Float32Array {
    const stride = POSED_SPLAT.size / 4;
    const posed = new Float32Array(levels.length * stride);
    levels.forEach((level, i) => (posed[i * stride + 2] = level / (levelCount - 1)));
    return posed;
}

/** The order by definition: mouth first, then far to near, then by id; as one sort of exact integers below 2^53. */
function orderOfLevels(levels: Uint32Array, levelCount: number, faceCount: number): Uint32Array {
    const count = levels.length;
    const keys = new Float64Array(count);
    levels.forEach((level, i) => (keys[i] = ((i < faceCount ? levelCount : 0) + level) * count + i));
    return Uint32Array.from(keys.sort(), (key) => key % count);
}
