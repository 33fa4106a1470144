import { BoundingInfo } from '@babylonjs/core/Culling/boundingInfo.js';
import { Matrix, Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import { Mesh } from '@babylonjs/core/Meshes/mesh.js';
import type { SubMesh } from '@babylonjs/core/Meshes/subMesh.js';
import { Observable, type Observer } from '@babylonjs/core/Misc/observable.js';
import type { AbstractSoundSource } from '@babylonjs/core/AudioV2/abstractAudio/abstractSoundSource.js';
import type { AbstractEngine } from '@babylonjs/core/Engines/abstractEngine.js';
import type { AbstractMesh } from '@babylonjs/core/Meshes/abstractMesh.js';
import type { Scene } from '@babylonjs/core/scene.js';
import type { Voice } from './audio/index.js';
import { AUDIO_FEAT_DIM, assertFinite, assertShape, PgsError, type HeadAsset } from './core/index.js';
import { createExpression, totalSplats, type ExpressionValues } from './deformer/index.js';
import { HeadGpu } from './head-gpu.js';
import { HeadSound } from './head-sound.js';
import { prepareTalkingHeadAsync, type PreparedHead, type TalkingHeadOptions } from './prepared-head.js';
import { PictureChoice } from './picture-choice.js';
import type { RasterizerChoice, RendererInfo } from './rasterizer-choice.js';
import { SceneCameras } from './scene-cameras.js';
import {
    createHull,
    createHullMaterial,
    findGpuDevice,
    headToLocal,
    requireGpuDevice,
    type SplatDraw,
} from './splat-material/index.js';

/** Frames a head may go undrawn before its per-frame work waits for the next draw. */
const IDLE_FRAMES = 2;
/** Frames a head is shown before level of detail starts: it is no part of getting ready. */
const FRAMES_BEFORE_DETAIL = 30;

/**
 * Puts a talking head into a scene. It faces +Z, metres, like a head loaded with `ImportMeshAsync`.
 *
 * @param source - a `.glb` as bytes, or a decoded head.
 * @returns the mesh, ready to be posed; its draw shader may still be compiling (`isReady`).
 * @throws PgsError as {@link prepareTalkingHeadAsync}, and `GPU_LIMIT` for a head that the device cannot hold.
 * @example
 * const head = await CreateTalkingHeadAsync('ava', await (await fetch('ava.glb')).arrayBuffer(), scene);
 * await head.voice.play(audioBuffer);
 */
export async function CreateTalkingHeadAsync(
    name: string,
    source: HeadAsset | Uint8Array | ArrayBuffer,
    scene: Scene,
    options: TalkingHeadOptions = {},
): Promise<TalkingHeadMesh> {
    const head = new TalkingHeadMesh(name, scene, await prepareTalkingHeadAsync(source, scene, options));
    await head.whenPoseableAsync();
    return head;
}

/**
 * A trained head in a Babylon scene: sound in, splats out, among ordinary meshes.
 *
 * Its geometry is a hull, so picking, bounds, shadows and depth passes are Babylon's own; what is drawn are the splats.
 * The face is a function of the audio clock. Where nothing changes, no GPU work is queued. Owns its voice and its GPU
 * memory; survives a lost device. After `dispose()` every method throws `DISPOSED`.
 */
export class TalkingHeadMesh extends Mesh {
    /** Speaks: `voice.play(audioBuffer)`. */
    public readonly voice: Voice;
    /** The expression by action unit, 0..1, e.g. `head.expression.AU45 = 1` closes the eyes. NaN throws `OPTION_VALUE`. */
    public readonly expression: ExpressionValues;
    /** What was loaded: facts, provenance, consent, bounds, training views. Not to be changed. */
    public readonly asset: HeadAsset;
    /** Told, in words, what degrades the head without breaking it. */
    public readonly onWarningObservable: Observable<string> = new Observable();
    /** Told when a new pose was sent to the GPU. */
    public readonly onPosedObservable: Observable<TalkingHeadMesh> = new Observable();

    readonly #options: TalkingHeadOptions;
    readonly #sound: HeadSound;
    readonly #headToLocal: Matrix;
    readonly #headToWorld: Matrix = new Matrix();
    readonly #audioFeat: Float32Array = new Float32Array(AUDIO_FEAT_DIM);
    readonly #exprFeat: Float32Array;
    readonly #observers: (() => void)[] = [];
    readonly #cameras: SceneCameras = new SceneCameras();
    readonly #choice: PictureChoice;
    #hasDetail: boolean;
    #hasHeat = false;
    #framesShown = 0;
    #strangeView = -Infinity;
    #gpu: HeadGpu | undefined;
    #starting: Promise<void> = Promise.resolve();
    #starts = 0;
    #isPoseOld = true;
    #isExpressionNew = true;
    #isDeforming = true;
    #isFeatureFixed = false;
    #lastDrawn = -1;
    #isGone = false;

    /** Use {@link CreateTalkingHeadAsync} or Babylon's `ImportMeshAsync`. */
    public constructor(name: string, scene: Scene, { asset, voice, options }: PreparedHead) {
        super(name, scene);
        this.asset = asset;
        this.voice = voice;
        this.#options = options;
        this.#sound = new HeadSound(this, voice, options);
        this.#choice = new PictureChoice(this, options, (text) => this.onWarningObservable.notifyObservers(text));
        this.#hasDetail = options.levelOfDetail ?? true;
        this.#headToLocal = headToLocal(scene, options.frame ?? 'scene');
        this.#exprFeat = Float32Array.from(asset.expression.neutral);
        this.expression = createExpression(asset.expression.names, this.#exprFeat, () => {
            this.#isPoseOld = this.#isExpressionNew = true;
        });
        this.doNotSerialize = true;
        const splats = { face: asset.branches.face.splats, mouth: asset.branches.mouth.splats };
        // Before the geometry: submeshes without a material make the scene create its default one.
        this.material = createHullMaterial(`${name} hull`, scene);
        createHull(splats, this.#isMirrored ? -1 : 1).applyToMesh(this);
        this.refreshBoundingInfo();
        const engine = scene.getEngine();
        this.#observe(scene.onBeforeRenderObservable, () => this.#beforeRender());
        this.#observe(engine.onContextLostObservable, () => this.#dropGpu());
        this.#observe(engine.onContextRestoredObservable, () => this.#restart());
        voice.onWarningObservable.add((warning) => this.onWarningObservable.notifyObservers(warning));
        this.#restart();
    }

    /** Splats of both branches. */
    public get splatCount(): number {
        return totalSplats(this.asset.branches);
    }

    /** Action units of {@link expression}, in the order of the asset. */
    public get expressionNames(): readonly string[] {
        return this.asset.expression.names;
    }

    /** GPU time of the last deformation and sort, ms; undefined where the device has no `timestamp-query`. */
    public get gpuTimeMs(): number | undefined {
        return this.#gpu?.timer.milliseconds;
    }

    /** What was asked for; see {@link rendererInfo} for what draws. @throws PgsError `OPTION_VALUE` - no such rasterizer. */
    public get rasterizer(): RasterizerChoice {
        return this.#choice.rasterizer;
    }

    public set rasterizer(value: RasterizerChoice) {
        this.#assertAlive('rasterizer');
        this.#choice.ask(this.#gpu, value, this.layer);
    }

    /**
     * Whether quads of the scene's own flat cameras are blended in a half-float layer the size of the view, which is put into the
     * canvas whole: there an 8-bit canvas would round every splat. Costs 12 bytes and a depth pass's 8 a pixel. Default false.
     */
    public get layer(): boolean {
        return this.#choice.hasLayer;
    }

    public set layer(value: boolean) {
        this.#assertAlive('layer');
        this.#choice.ask(this.#gpu, this.rasterizer, value);
    }

    /** Which rasterizer draws the scene's own cameras, and why. */
    public get rendererInfo(): RendererInfo {
        return this.#choice.infoOf(this.#gpu);
    }

    /**
     * Leaves out of deformation, sort and drawing the splats that change no pixel of the scene's cameras by half a step of an
     * 8-bit display. Starts when the head has been shown for 30 frames; while a camera comes to a side that was not looked at
     * before, while it is inside the head, and while a mirror or a render target looks on, everything is drawn.
     */
    public get levelOfDetail(): boolean {
        return this.#hasDetail;
    }

    public set levelOfDetail(value: boolean) {
        this.#assertAlive('levelOfDetail');
        if (value === this.#hasDetail) return;
        this.#hasDetail = value;
        this.#framesShown = 0;
        if (!value) this.#gpu?.stopDetail();
    }

    /**
     * Shows, instead of its colours, how many pixels of the scene's (first) camera each splat reaches (Eq. 5): none dark blue, over
     * green and yellow to 1000 red. Quads draw meanwhile, without level of detail. Default false; where the device cannot count
     * that many pixels it goes off, with a warning.
     */
    public get heatMap(): boolean {
        return this.#hasHeat;
    }

    public set heatMap(value: boolean) {
        this.#assertAlive('heatMap');
        if (value === this.#hasHeat) return;
        this.#hasHeat = value;
        this.#framesShown = 0;
        this.#gpu?.showHeat(value, this.#onHeatFault);
    }

    /** Splats of {@link splatCount} that are drawn now: {@link levelOfDetail} may leave some out. 0 while there is no device. */
    public get drawnSplatCount(): number {
        return this.#gpu?.activeCount ?? 0;
    }

    /** False shows the neutral head, whatever is said; for comparisons. Default true. */
    public get deformationEnabled(): boolean {
        return this.#isDeforming;
    }

    public set deformationEnabled(value: boolean) {
        this.#assertAlive('deformationEnabled');
        this.#isPoseOld ||= value !== this.#isDeforming;
        this.#isDeforming = value;
    }

    /**
     * Shows the mouth of a given f_a instead of the voice's, until called with null. For tools, tests and own drivers.
     *
     * @param audioFeat - f_a `[AUDIO_FEAT_DIM]`; copied.
     * @throws PgsError `OPTION_VALUE` - another length, or not finite.
     */
    public setAudioFeature(audioFeat: ArrayLike<number> | null): void {
        this.#assertAlive('setAudioFeature');
        this.#isPoseOld = true;
        this.#isFeatureFixed = audioFeat !== null;
        if (audioFeat === null) {
            this.voice.sampleFeatures(this.#audioFeat);
            return;
        }
        assertShape('OPTION_VALUE', 'audioFeat', audioFeat, 1, AUDIO_FEAT_DIM, 'Pass the encoder output of one frame.');
        assertFinite('OPTION_VALUE', 'audioFeat', audioFeat, 'Pass the encoder output of one frame.');
        this.#audioFeat.set(audioFeat);
    }

    /**
     * Shows one instant: {@link setAudioFeature} and all of the expression.
     *
     * @param exprFeat - f_e in the order of {@link expressionNames}, 0..1.
     * @throws PgsError `OPTION_VALUE` - wrong lengths or numbers; then nothing changes but the valid part.
     */
    public poseAt(audioFeat: ArrayLike<number>, exprFeat: ArrayLike<number>): void {
        this.#assertAlive('poseAt');
        const names = this.expressionNames;
        assertShape('OPTION_VALUE', 'exprFeat', exprFeat, 1, names.length, 'Pass one number per action unit.');
        assertFinite('OPTION_VALUE', 'exprFeat', exprFeat, 'Pass one number per action unit.');
        this.setAudioFeature(audioFeat);
        names.forEach((name, index) => (this.expression[name] = exprFeat[index] as number));
    }

    /**
     * The Babylon sound that the head speaks through: its volume, bus, pan, and its place where the head was made with `isSpatial`.
     * Good until the audio engine is disposed.
     *
     * @throws PgsError `AUDIO_UNAVAILABLE` - no audio engine can be had, or the head was made with an `audioContext` to play past it.
     */
    public async soundSourceAsync(): Promise<AbstractSoundSource> {
        this.#assertAlive('soundSourceAsync');
        return this.#sound.sourceAsync();
    }

    /** Resolves when the GPU holds the head, also after a lost device. @throws PgsError `GPU_LIMIT`, `GPU_UNAVAILABLE`. */
    public async whenPoseableAsync(): Promise<void> {
        this.#assertAlive('whenPoseableAsync');
        await this.#starting;
    }

    public override getClassName(): string {
        return 'TalkingHeadMesh';
    }

    /**
     * Whether the head can be drawn; with `completeCheck`, whether also what was asked for besides quads is there to draw it.
     * Babylon leaves out of a frame what is not ready, and quads are to draw until the rest is.
     */
    public override isReady(completeCheck = false): boolean {
        const gpu = this.#gpu;
        if (this.#isGone || gpu === undefined || !gpu.quads.isReady()) return false;
        const isComplete = this.#choice.isReady(gpu) && (gpu.hasHeat || !this.#hasHeat);
        return (isComplete || !completeCheck) && super.isReady(completeCheck);
    }

    /** The asset's bounds hold every pose; the hull at rest does not. */
    public override refreshBoundingInfo(): this {
        const { min, max } = this.asset.bounds;
        const corners = [min, max].map((corner) =>
            Vector3.TransformCoordinates(Vector3.FromArray(corner), this.#headToLocal),
        ) as [Vector3, Vector3];
        const info = new BoundingInfo(
            Vector3.Minimize(...corners),
            Vector3.Maximize(...corners),
            this.getWorldMatrix(),
        );
        this.setBoundingInfo(info);
        return this;
    }

    /** @throws PgsError `OPTION_VALUE` - a head has one voice and one pose; load it again for a second one. */
    public override clone(): never {
        throw new PgsError(
            'OPTION_VALUE',
            `${this.name}.clone: expected one mesh a head, got a copy. Load the head again.`,
        );
    }

    /** Draws the splats; the hull only where a pass brings its own material (picking, depth). */
    public override render(subMesh: SubMesh, enableAlphaMode: boolean, replacement?: AbstractMesh): this {
        const engine = this.getEngine();
        if (this.getMaterialForRenderPass(engine.currentRenderPassId)) {
            super.render(subMesh, enableAlphaMode, replacement);
            return this;
        }
        const gpu = this.#gpu;
        if (!gpu) return this;
        const picture = this.#choice.pictureOf(gpu);
        // A layer is filled even where its camera does not see the head.
        if (!picture?.isFilling) this.#lastDrawn = engine.frameId;
        if (!this.#cameras.hasViewOf(this.getScene())) this.#strangeView = engine.frameId;
        this.onBeforeRenderObservable.notifyObservers(this);
        this.#pose(gpu);
        const submit: Parameters<SplatDraw['draw']>[3] = (view) => gpu.submit([view]);
        const camera = this.getScene().activeCamera;
        const isDrawn =
            camera !== null &&
            picture?.canDraw(camera) === true &&
            picture.draw(camera, this.#worldFromHead(), this.visibility, submit);
        if (!isDrawn) gpu.quads.draw(this.#worldFromHead(), this.visibility, enableAlphaMode, submit);
        this.onAfterRenderObservable.notifyObservers(this);
        return this;
    }

    /** Ends the sound and frees everything that came with the head. Twice is fine. */
    public override dispose(doNotRecurse?: boolean, disposeMaterialAndTextures = false): void {
        if (this.#isGone) return;
        this.#isGone = true;
        for (const remove of this.#observers) remove();
        this.#dropGpu();
        this.voice.dispose();
        this.#sound.dispose();
        this.onWarningObservable.clear();
        this.onPosedObservable.clear();
        this.material?.dispose();
        super.dispose(doNotRecurse, disposeMaterialAndTextures);
    }

    get #isMirrored(): boolean {
        return this.#headToLocal.determinant() < 0;
    }

    #observe<T>(observable: Observable<T>, callback: () => void): void {
        const observer: Observer<T> = observable.add(callback);
        this.#observers.push(() => observable.remove(observer));
    }

    #assertAlive(method: string): void {
        if (!this.#isGone) return;
        throw new PgsError(
            'DISPOSED',
            `${this.name}.${method}: expected a live head, got a disposed one. Load it again.`,
        );
    }

    /** Once a frame, before any pass: samples speech, and sends pose and sorts of the known cameras in one submit. */
    #beforeRender(): void {
        if (!this.#isFeatureFixed && this.voice.sampleFeatures(this.#audioFeat)) this.#isPoseOld = true;
        const gpu = this.#gpu;
        const engine = this.getEngine();
        // Out of every view, the work waits in render().
        if (!gpu || engine.frameId - this.#lastDrawn > IDLE_FRAMES) return;
        this.#pose(gpu);
        this.#cameras.collect(this.getScene());
        this.computeWorldMatrix();
        this.#lookFrom(gpu);
        const draw = this.#choice.pictureOf(gpu) ?? gpu.quads;
        gpu.submit(draw.planViews(this.#cameras.list, this.#worldFromHead(), engine.frameId));
        gpu.countPixels(this.#cameras.list[0], this.#worldFromHead(), this.visibility);
    }

    #pose(gpu: HeadGpu): void {
        if (!this.#isPoseOld) return;
        this.#isPoseOld = false;
        if (this.#isExpressionNew) gpu.forgetSpoken();
        this.#isExpressionNew = false;
        const segment = this.#isFeatureFixed ? null : this.voice.spokenSegment;
        if (!this.#isDeforming) gpu.rest();
        else if (!segment || !gpu.speak(segment, this.#exprFeat)) gpu.pose(this.#audioFeat, this.#exprFeat);
        this.onPosedObservable.notifyObservers(this);
    }

    #worldFromHead(): Matrix {
        return this.#headToLocal.multiplyToRef(this.getWorldMatrix(), this.#headToWorld);
    }

    /** Tells level of detail who looks; starts it when it is due. */
    #lookFrom(gpu: HeadGpu): void {
        if (!this.#hasDetail || this.#hasHeat) return;
        if (++this.#framesShown < FRAMES_BEFORE_DETAIL) return;
        if (this.#framesShown === FRAMES_BEFORE_DETAIL) this.#startDetail(gpu);
        const hasStrangeView = this.getEngine().frameId - this.#strangeView <= IDLE_FRAMES;
        gpu.lookFrom(hasStrangeView ? null : this.#cameras.list, this.#worldFromHead());
    }

    #startDetail(gpu: HeadGpu): void {
        const warn = (error: unknown): void => {
            if (gpu !== this.#gpu) return;
            this.onWarningObservable.notifyObservers(
                `level of detail: ${(error as Error).message} All splats are drawn.`,
            );
        };
        gpu.startDetailAsync(this.#audioFeat.slice(), warn).catch(warn);
    }

    readonly #onHeatFault = ({ message }: Error): void => {
        this.heatMap = false;
        this.onWarningObservable.notifyObservers(`heat map: ${message} Splats show their colours again.`);
    };

    #dropGpu(): void {
        this.#gpu?.dispose();
        this.#gpu = undefined;
    }

    #restart(): void {
        this.#dropGpu();
        const starting = this.#startAsync(this.getEngine());
        this.#starting = starting;
        starting.catch((error: unknown) => this.onWarningObservable.notifyObservers(String(error)));
    }

    async #startAsync(engine: AbstractEngine): Promise<void> {
        const start = ++this.#starts;
        const device = requireGpuDevice(engine);
        const precision = this.#options.featurePrecision ?? 'f32';
        const gpu = await HeadGpu.createAsync({
            name: this.name,
            asset: this.asset,
            scene: this.getScene(),
            device,
            precision,
        });
        const isLate = this.#isGone || start !== this.#starts || findGpuDevice(engine) !== device;
        if (isLate) return gpu.dispose();
        this.#gpu = gpu;
        this.#framesShown = 0;
        this.#isPoseOld = true;
        gpu.showHeat(this.#hasHeat, this.#onHeatFault);
        this.#choice.start(gpu);
    }
}
