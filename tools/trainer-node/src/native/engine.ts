import {
    AUDIO_FEAT_DIM,
    BRANCH_NAMES,
    PgsError,
    SPATIAL_FEAT_DIM,
    type BranchName,
    type Camera,
    type SplatSet,
} from '../../../../plugin/core/index.js';
import { nativeError, STATUS } from './errors.js';
import { loadNative, type NativeArgument, type NativeContext, type NativeLibrary, type NativeName } from './ffi.js';
import { locateNative, type Precision } from './locate.js';

/** Reals of the library: Float32Array in the product, Float64Array in the oracle build. */
export type Reals = Float32Array | Float64Array;

/** Training stage, as the native program numbers them. */
export type NativeStage = 'static' | 'deform' | 'finetune';

const STAGE_IDS: Readonly<Record<NativeStage, number>> = { static: 0, deform: 1, finetune: 2 };

/** Means over the iterations of one {@link Engine.trainRun}. */
export interface TrainStats {
    readonly lossFace: number;
    readonly lossMouth: number;
    readonly l1: number;
    /** 1 - SSIM. */
    readonly dssim: number;
    readonly splatsFace: number;
    readonly splatsMouth: number;
    readonly iterations: number;
    readonly seconds: number;
}

/** What is known of a training frame but its picture. */
export interface FrameTruth {
    /** Row-major world -> camera `[16]`. */
    readonly viewmat: Float64Array;
    readonly expression: Float64Array;
    /** x0, y0, x1, y1, px. */
    readonly lips: Float64Array;
    /** Box around eyes and brows: x0, y0, x1, y1, px. Default: not known. */
    readonly eyes?: Float64Array | null;
    /** How far the mouth is open, 0..1. Default: not known. */
    readonly mouthOpen?: number;
}

/** One training frame as the engine stores it. */
export interface FrameData extends FrameTruth {
    /** `[height, width, 3]`. */
    readonly rgb: Uint8Array;
    /** `[height, width]`, engine label ids. */
    readonly labels: Uint8Array;
}

/** Premultiplied RGBA of both branches, `[height, width, 4]`. */
export interface BranchPixels {
    readonly face: Float32Array;
    readonly mouth: Float32Array;
}

/** What {@link Engine.measureSplats} finds out. */
export interface SplatMeasures {
    /** Premultiplied `[height, width, 4]`. */
    readonly rgba: Float32Array;
    /** Expected depth, sum of depth * alpha * T `[height, width]`, metres. */
    readonly depth: Float32Array;
    /** Depth at which T crosses 0.5 `[height, width]`, metres; 0 where it does not. */
    readonly medianDepth: Float32Array;
    /** Pixels reached `[N]` (Eq. 5). */
    readonly pixelCounts: Uint32Array;
    /** Screen radii `[N]`, px; 0: culled (Eq. 4). */
    readonly radii: Int32Array;
}

/** Settings of {@link Engine.open}. */
export interface EngineOptions {
    readonly precision?: Precision;
    /** The library itself, see `chooseDevice`; default: the CPU's for `precision`. */
    readonly library?: string;
    /** Worker threads; 0 takes all cores. */
    readonly threads?: number;
    /** Seed of every random number the engine draws, an integer >= 0. */
    readonly seed?: number;
}

/** Bit mask of branches for the native calls. */
export function branchMask(branches: readonly BranchName[]): number {
    return branches.reduce((mask, branch) => mask | (1 << branchIndex(branch)), 0);
}

function branchIndex(branch: BranchName): number {
    return BRANCH_NAMES.indexOf(branch);
}

/**
 * One native training context.
 *
 * Owns native memory: call {@link dispose}. One call at a time: a second one while {@link trainRun} is pending throws.
 * If the process exits while a call is running, an exit hook cancels it and waits, so that no library code runs while the
 * process unloads (measured: without it, exits in flight crash).
 */
export class Engine {
    readonly #library: NativeLibrary;
    readonly #onExit: () => void;
    #context: NativeContext | null;
    #inFlight: string | null = null;
    #width = 0;
    #height = 0;

    private constructor(library: NativeLibrary, context: NativeContext) {
        this.#library = library;
        this.#context = context;
        this.#onExit = (): void => {
            if (this.#context === null) return;
            this.#library.call.pgs_cancel(this.#context);
            this.#library.call.pgs_drain(this.#context);
            this.#library.call.pgs_destroy(this.#context);
            this.#context = null;
        };
        process.on('exit', this.#onExit);
    }

    /**
     * Finds and loads the library and creates a context.
     *
     * @throws PgsError `NATIVE_MISSING` when there is no usable library, `NATIVE_STATUS` when a context cannot be made.
     */
    public static open(options: EngineOptions = {}): Engine {
        const library = loadNative(options.library ?? locateNative(options.precision ?? 'f32'));
        const context = library.call.pgs_create(
            options.threads ?? 0,
            BigInt(options.seed ?? 0),
        ) as NativeContext | null;
        if (context === null || context === 0n) throw nativeError('pgs_create', STATUS.memory, 'no context');
        return new Engine(library, context);
    }

    /** Compiler and instruction set of the library. */
    public get buildInfo(): string {
        return this.#library.buildInfo;
    }

    /** 4 (product) or 8 (oracle). */
    public get realBytes(): number {
        return this.#library.realBytes;
    }

    /** A zeroed array of the library's scalar type. */
    public reals(count: number): Reals {
        return this.#library.realBytes === 8 ? new Float64Array(count) : new Float32Array(count);
    }

    /** Sets a named scalar of the training program (native/engine/settings.h). */
    public set(name: string, value: number): void {
        this.#call('pgs_set', name, value);
    }

    /** Reads a named scalar. */
    public get(name: string): number {
        const out = new Float64Array(1);
        this.#call('pgs_get', name, out);
        return out[0] as number;
    }

    /** Reserves memory for `frames` frames; every one of them must then be given by {@link dataFrame}. */
    public dataBegin(frames: number, camera: Omit<Camera, 'viewmat'>, numExpressions: number): void {
        this.#width = camera.width;
        this.#height = camera.height;
        this.#call(
            'pgs_data_begin',
            frames,
            camera.width,
            camera.height,
            camera.fx,
            camera.fy,
            camera.cx,
            camera.cy,
            numExpressions,
        );
    }

    /** Copies one frame into the engine. Without a picture, which then follows in a second call, it is good for hearing alone. */
    public dataFrame(index: number, frame: FrameData | FrameTruth): void {
        const { viewmat, expression, lips, eyes = null, mouthOpen = Number.NaN } = frame;
        const [rgb, labels] = 'rgb' in frame ? [frame.rgb, frame.labels] : [null, null];
        this.#call('pgs_data_frame', index, rgb, labels, viewmat, expression, lips, eyes, mouthOpen);
    }

    /** Copies the feature frames `[variants, melFrames, MEL_BANDS]`; variant 0 is the clean take. */
    public dataAudio(variants: number, melFrames: number, mel: Float32Array, silence: Float32Array): void {
        this.#call('pgs_data_audio', variants, melFrames, mel, silence);
    }

    /** (Re)creates a branch with `n` zero splats and zero moments. */
    public splatsResize(branch: BranchName, n: number, shDegree: number): void {
        this.#call('pgs_splats_resize', branchIndex(branch), n, shDegree);
    }

    /** Number of splats of a branch. */
    public splatsCount(branch: BranchName): number {
        return this.#call('pgs_splats_count', branchIndex(branch));
    }

    /** Random planes and layers of a branch; the deformer starts as the identity. */
    public netsInit(branch: BranchName, planeBase: number, planeFinest: number): void {
        this.#call('pgs_nets_init', branchIndex(branch), planeBase, planeFinest);
    }

    /** Random audio encoder. */
    public encoderInit(): void {
        this.#call('pgs_encoder_init');
    }

    /** Names of everything that a checkpoint must hold. */
    public tensorNames(): string[] {
        const bytes = this.#callCount('pgs_tensor_names', null, 0);
        const text = new Uint8Array(bytes + 1);
        this.#callCount('pgs_tensor_names', text, text.length);
        const end = text.indexOf(0);
        return Buffer.from(text.subarray(0, end < 0 ? text.length : end))
            .toString('utf8')
            .split('\n')
            .filter((name) => name !== '');
    }

    /** Number of values of a tensor. */
    public tensorSize(name: string): number {
        return this.#callCount('pgs_tensor_size', name);
    }

    /** A copy of a tensor. */
    public tensorGet(name: string): Reals {
        const out = this.reals(this.tensorSize(name));
        this.#call('pgs_tensor_get', name, out, out.length);
        return out;
    }

    /** A copy of a tensor as float32, whatever the library computes in. */
    public tensorGetF32(name: string): Float32Array {
        const reals = this.tensorGet(name);
        return reals instanceof Float32Array ? reals : Float32Array.from(reals);
    }

    /** A copy of a tensor as float64: exact, and one type whatever the library computes in. */
    public tensorGetF64(name: string): Float64Array {
        return Float64Array.from(this.tensorGet(name));
    }

    /** Overwrites a tensor; converts to the library's scalar type. */
    public tensorSet(name: string, values: ArrayLike<number>): void {
        const reals = this.reals(values.length);
        reals.set(values);
        this.#call('pgs_tensor_set', name, reals, reals.length);
    }

    /** Frame ids that the next iterations of a branch draw, in order, wrapping. */
    public orderSet(branch: BranchName, frames: Int32Array): void {
        this.#call('pgs_order_set', branchIndex(branch), frames, frames.length);
    }

    /**
     * Runs `iterations` whole iterations off the main thread.
     *
     * @throws PgsError `TRAINING_DIVERGED` on NaN, `NATIVE_STATUS` otherwise; see {@link isCancelled}.
     */
    public async trainRun(
        stage: NativeStage,
        branches: readonly BranchName[],
        iterations: number,
    ): Promise<TrainStats> {
        const stats = new Float64Array(8);
        await this.#callAsync('pgs_train_run', STAGE_IDS[stage], branchMask(branches), iterations, stats);
        const at = (i: number): number => stats[i] as number;
        return {
            lossFace: at(0),
            lossMouth: at(1),
            l1: at(2),
            dssim: at(3),
            splatsFace: at(4),
            splatsMouth: at(5),
            iterations: at(6),
            seconds: at(7),
        };
    }

    /** Loss of one frame; with `grads`, every `<tensor>.grad` can be read afterwards. No step, no random number. */
    public async lossGrad(
        stage: NativeStage,
        branches: readonly BranchName[],
        frame: number,
        grads: boolean,
    ): Promise<number> {
        const loss = new Float64Array(1);
        await this.#callAsync('pgs_loss_grad', STAGE_IDS[stage], branchMask(branches), frame, grads ? 1 : 0, loss);
        return loss[0] as number;
    }

    /**
     * Teaches the encoder alone how far the mouth is open: a step for every `batch` frames of the list. Returns half the mean
     * squared error over the call.
     */
    public async hearingRun(frames: Int32Array, batch: number): Promise<number> {
        const loss = new Float64Array(1);
        await this.#callAsync('pgs_hearing_run', frames, frames.length, batch, loss);
        return loss[0] as number;
    }

    /** The error of {@link hearingRun} without a step; with `grads`, every `encoder.*.grad` can be read afterwards. */
    public async hearingLoss(frames: Int32Array, grads: boolean): Promise<number> {
        const loss = new Float64Array(1);
        await this.#callAsync('pgs_hearing_loss', frames, frames.length, grads ? 1 : 0, loss);
        return loss[0] as number;
    }

    /** Applies one action a splat (PGS_KEEP, CLONE, SPLIT, PRUNE) and resets the statistics. Returns the new count. */
    public densifyApply(branch: BranchName, actions: Uint8Array): number {
        return this.#call('pgs_densify_apply', branchIndex(branch), actions, actions.length);
    }

    /** Clears the density statistics of a branch. */
    public statsReset(branch: BranchName): void {
        this.#call('pgs_stats_reset', branchIndex(branch));
    }

    /** Renders dataset frame `frame` with its own camera, audio and expression; `deform` false: canonical splats. */
    public async renderFrame(frame: number, deform: boolean): Promise<BranchPixels> {
        const face = new Float32Array(this.#width * this.#height * 4);
        const mouth = new Float32Array(face.length);
        await this.#callAsync('pgs_render_frame', frame, deform ? 1 : 0, face, mouth);
        return { face, mouth };
    }

    /** Renders any splats; needs neither model nor data. Premultiplied RGBA `[height, width, 4]`. */
    public async renderSplats(splats: SplatSet, camera: Camera): Promise<Float32Array> {
        const rgba = new Float32Array(camera.width * camera.height * 4);
        await this.#render(splats, camera, [rgba, null, null, null, null]);
        return rgba;
    }

    /** As {@link renderSplats}, with depths and what the density rules see of each splat; costs a backward walk more. */
    public async measureSplats(splats: SplatSet, camera: Camera): Promise<SplatMeasures> {
        const pixels = camera.width * camera.height;
        const rgba = new Float32Array(pixels * 4);
        const depth = new Float32Array(pixels);
        const medianDepth = new Float32Array(pixels);
        const pixelCounts = new Uint32Array(splats.count);
        const radii = new Int32Array(splats.count);
        await this.#render(splats, camera, [rgba, depth, medianDepth, pixelCounts, radii]);
        return { rgba, depth, medianDepth, pixelCounts, radii };
    }

    /** @param out - rgba, depth, median, counts, radii; null: not wanted. */
    async #render(splats: SplatSet, camera: Camera, out: readonly NativeArgument[]): Promise<void> {
        const { count, shDegree, means, quats, logScales, logitOpacities, sh } = splats;
        const { viewmat, fx, fy, cx, cy, width, height } = camera;
        const arrays = [means, quats, logScales, logitOpacities, sh, Float64Array.from(viewmat)];
        await this.#callAsync('pgs_render_splats', count, shDegree, ...arrays, fx, fy, cx, cy, width, height, ...out);
    }

    /** Audio features f_a `[count, AUDIO_FEAT_DIM]` of dataset frames `first..`. */
    public encodeAudio(first: number, count: number): Float32Array {
        const out = new Float32Array(count * AUDIO_FEAT_DIM);
        this.#call('pgs_encode_audio', first, count, out);
        return out;
    }

    /** Spatial features f_s `[n, SPATIAL_FEAT_DIM]` of a branch and, per splat, whether it lies within the planes' bound. */
    public spatialFeatures(branch: BranchName): { features: Float32Array; inside: Uint8Array } {
        const n = this.splatsCount(branch);
        const features = new Float32Array(n * SPATIAL_FEAT_DIM);
        const inside = new Uint8Array(n);
        this.#call('pgs_spatial_features', branchIndex(branch), features, inside);
        return { features, inside };
    }

    /** Runs `n` real iterations and reports seconds by pass and pair counts, by name. */
    public async bench(
        stage: NativeStage,
        branches: readonly BranchName[],
        n: number,
    ): Promise<Record<string, number>> {
        const json = new Uint8Array(4096);
        await this.#callAsync('pgs_bench', STAGE_IDS[stage], branchMask(branches), n, json, json.length);
        return JSON.parse(Buffer.from(json.subarray(0, json.indexOf(0))).toString('utf8')) as Record<string, number>;
    }

    /** Asks the running call to stop after its current iteration; its promise then rejects. */
    public cancel(): void {
        if (this.#context !== null) this.#library.call.pgs_cancel(this.#context);
    }

    /** Waits for a running call to end, then frees everything. Twice is fine. */
    public dispose(): void {
        process.off('exit', this.#onExit);
        this.#onExit();
    }

    #handle(call: string): NativeContext {
        if (this.#context === null) {
            throw new PgsError('DISPOSED', `${call}: expected a live engine, got a disposed one. Open a new Engine.`);
        }
        if (this.#inFlight !== null) {
            throw nativeError(call, STATUS.busy, `${this.#inFlight} has not finished`);
        }
        return this.#context;
    }

    #lastError(): string {
        return this.#context === null
            ? ''
            : ((this.#library.call.pgs_last_error(this.#context) as string | null) ?? '');
    }

    #call(name: NativeName, ...args: readonly NativeArgument[]): number {
        const status = this.#library.call[name](this.#handle(name), ...args) as number;
        if (status < 0) throw nativeError(name, status, this.#lastError());
        return status;
    }

    /** As {@link #call} for functions that return 64 bits. */
    #callCount(name: NativeName, ...args: readonly NativeArgument[]): number {
        const count = Number(this.#library.call[name](this.#handle(name), ...args) as number | bigint);
        if (count < 0) throw nativeError(name, count, this.#lastError());
        return count;
    }

    #callAsync(name: NativeName, ...args: readonly NativeArgument[]): Promise<number> {
        const context = this.#handle(name);
        this.#inFlight = name;
        return new Promise<number>((resolve, reject) => {
            this.#library.call[name].async(context, ...args, (error: Error | null, status: number): void => {
                // koffi 3.3.4 does not keep typed arrays of an async call alive; `args` is used here so that this closure does.
                retain(args);
                this.#inFlight = null;
                if (error !== null) reject(error);
                else if (status < 0) reject(nativeError(name, status, this.#lastError()));
                else resolve(status);
            });
        });
    }
}

/** Does nothing, opaquely: being an argument here keeps `args` reachable until the call has returned. */
function retain(args: readonly NativeArgument[]): number {
    return args.length;
}
