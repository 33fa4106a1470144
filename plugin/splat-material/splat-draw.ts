import type { Camera } from '@babylonjs/core/Cameras/camera.js';
import { Constants } from '@babylonjs/core/Engines/constants.js';
import { Matrix, Vector4 } from '@babylonjs/core/Maths/math.vector.js';
import { Material } from '@babylonjs/core/Materials/material.js';
import { ShaderLanguage } from '@babylonjs/core/Materials/shaderLanguage.js';
import { ShaderMaterial } from '@babylonjs/core/Materials/shaderMaterial.js';
import type { Mesh } from '@babylonjs/core/Meshes/mesh.js';
import type { Scene } from '@babylonjs/core/scene.js';
import { DepthSorter, type GpuArena, type SortedView, type SortPrecision } from '../compute/index.js';
import { DEPTH_MIN } from '../core/index.js';
import { bindStorageBuffer, currentViewport, wrapBuffer, type BoundBuffer } from './engine-bridge.js';
import { createHiddenMesh } from './hidden-mesh.js';
import { splatShaderSources, type SplatColours } from './splat-shader.js';
import { ViewSorts, type DepthSphere } from './view-sorts.js';

/** Quads an instance: software rasterizers draw instances one by one, and 16 is where that stops to matter (measured). */
const QUADS_PER_INSTANCE = 16;

/** What a {@link SplatDraw} shows. Buffers belong to `arena`. */
export interface SplatDrawOptions {
    readonly name: string;
    readonly scene: Scene;
    readonly device: GPUDevice;
    readonly arena: GpuArena;
    /** `PosedSplat[splatCount]`, face first. */
    readonly posedSplats: GPUBuffer;
    readonly splatCount: number;
    readonly faceCount: number;
    readonly colours: SplatColours;
    /** Packed spherical harmonics: the content of `colours` on the device. */
    readonly splatColours: GPUBuffer;
    readonly sphere: DepthSphere;
    /** Ids of the splats that are drawn, ascending, with room for all; see {@link SplatDraw.setActiveCount}. */
    readonly activeIds?: GPUBuffer;
    /** Depth bits of the order; default: what sorts fastest. */
    readonly precision?: SortPrecision;
    /** Whether it draws into a layer: colours stay as trained, whatever the scene's output. */
    readonly isLayer?: boolean;
}

/**
 * Draws posed splats in whatever pass Babylon is recording: sorted quads, blended over what lies behind, depth-tested
 * against it (the `quads` rasterizer). Eq. 10 is exact: the order puts the mouth behind the face.
 *
 * Owns its hidden mesh, its material and its draw orders; the orders' buffers lie in the given arena.
 */
export class SplatDraw {
    readonly #options: SplatDrawOptions;
    readonly #sorter: DepthSorter;
    readonly #sorts: ViewSorts;
    readonly #mesh: Mesh;
    readonly #material: ShaderMaterial;
    readonly #buffers: { readonly posed: BoundBuffer; readonly colours: BoundBuffer };
    readonly #orderBuffers: WeakMap<GPUBuffer, BoundBuffer> = new WeakMap();
    readonly #viewport: Vector4 = new Vector4();
    readonly #camera: Vector4 = new Vector4();
    readonly #limits: Vector4 = new Vector4();
    #headToWorld: Matrix = Matrix.Identity();
    #order: BoundBuffer | undefined;
    #counts: BoundBuffer | undefined;
    #isLinear = false;

    private constructor(options: SplatDrawOptions, sorter: DepthSorter) {
        this.#options = options;
        this.#sorter = sorter;
        this.#sorts = new ViewSorts(options.scene, options.sphere, sorter);
        this.#buffers = { posed: wrapBuffer(options.posedSplats), colours: wrapBuffer(options.splatColours) };
        this.#material = createMaterial(options, sorter.idMask);
        this.#material.onBindObservable.add(() => this.#bind());
        this.#mesh = createQuads(`${options.name} splats`, this.#material);
    }

    /** Compiles the sort; the draw's own shader compiles when first asked for. @throws PgsError `GPU_LIMIT`. */
    public static async createAsync(options: SplatDrawOptions): Promise<SplatDraw> {
        const sorter = await DepthSorter.createAsync(options);
        return new SplatDraw(options, sorter);
    }

    /** Draw orders allocated so far: distinct view directions shown within one frame. */
    public get viewCount(): number {
        return this.#sorts.viewCount;
    }

    /** Says that the posed splats have changed, so that every order is out of date. */
    public markPosed(): void {
        this.#sorts.markPosed();
    }

    /**
     * Draws only the first `count` splats of `activeIds` from the next frame on; their order must be computed anew
     * ({@link markPosed}).
     *
     * @throws PgsError `OPTION_VALUE` - not 0..splatCount.
     */
    public setActiveCount(count: number): void {
        this.#sorter.setActiveCount(count);
    }

    /** Shows instead of colours how many pixels each splat reaches `u32[splatCount]`, as {@link heatColour}; undefined ends it. */
    public showCounts(pixelCounts: GPUBuffer | undefined): void {
        this.#counts = pixelCounts && wrapBuffer(pixelCounts);
        this.#material.setDefine('SPLAT_HEAT', pixelCounts !== undefined);
    }

    /** Whether the shader is compiled; starts compiling it. */
    public isReady(): boolean {
        const subMesh = this.#mesh.subMeshes[0];
        this.#chooseOutput();
        return subMesh !== undefined && this.#material.isReadyForSubMesh(this.#mesh, subMesh, false);
    }

    /**
     * Aims the sorts that the given cameras need and do not have.
     *
     * @param headToWorld - head space to Babylon's world.
     * @returns views to record, in any order; empty when nothing changed. The array is reused.
     */
    public planViews(cameras: readonly Camera[], headToWorld: Matrix, frame: number): readonly SortedView[] {
        return this.#sorts.plan(cameras, headToWorld, frame);
    }

    /**
     * Draws into the open pass with the scene's current camera.
     *
     * @param opacity - factor on every splat, 0..1.
     * @param submit - records and submits a view that was not planned (a render target's camera) or is out of date, at
     *   once: a submit runs before the pass being recorded.
     */
    public draw(
        headToWorld: Matrix,
        opacity: number,
        enableAlphaMode: boolean,
        submit: (view: SortedView) => void,
    ): void {
        const subMesh = this.#mesh.subMeshes[0];
        if (!subMesh || this.#sorter.activeCount === 0) return;
        this.#order = this.#boundOrder(this.#sorts.current(headToWorld, submit));
        this.#headToWorld = headToWorld;
        const count = this.#sorter.activeCount;
        this.#limits.set(DEPTH_MIN * unitLength(headToWorld), opacity, count, 0);
        this.#mesh.forcedInstanceCount = Math.ceil(count / QUADS_PER_INSTANCE);
        this.#chooseOutput();
        this.#mesh.render(subMesh, enableAlphaMode);
    }

    /** Frees mesh and material; buffers go with the arena. */
    public dispose(): void {
        this.#mesh.dispose(true, false);
        this.#material.dispose(false, false);
    }

    #boundOrder(order: GPUBuffer): BoundBuffer {
        let bound = this.#orderBuffers.get(order);
        if (!bound) this.#orderBuffers.set(order, (bound = wrapBuffer(order)));
        return bound;
    }

    #chooseOutput(): void {
        const isLinear = this.#options.isLayer !== true && wantsLinearOutput(this.#options.scene);
        if (isLinear === this.#isLinear) return;
        this.#isLinear = isLinear;
        this.#material.setDefine('SPLAT_LINEAR_OUTPUT', isLinear);
    }

    /** Runs in Babylon's bind of every draw, so several views in a frame each get their own values. */
    #bind(): void {
        const effect = this.#material.getEffect();
        const { scene } = this.#options;
        const engine = scene.getEngine();
        if (!effect || !this.#order) return;
        const projection = scene.getProjectionMatrix();
        currentViewport(engine, this.#viewport);
        this.#camera.set(...this.#sorts.cameraInHead());
        effect.setMatrix('headToView', this.#sorts.headToView);
        effect.setMatrix('headToWorld', this.#headToWorld);
        effect.setMatrix('projection', projection);
        effect.setVector4('viewport', this.#viewport);
        effect.setVector4('cameraInHead', this.#camera);
        effect.setVector4('drawLimits', this.#limits);
        bindStorageBuffer(engine, 'splatOrder', this.#order);
        bindStorageBuffer(engine, 'posedSplats', this.#buffers.posed);
        bindStorageBuffer(engine, 'splatColours', this.#buffers.colours);
        if (this.#counts) bindStorageBuffer(engine, 'pixelCounts', this.#counts);
    }
}

/** Linear light where a post-process will encode it again; sRGB values, as trained, elsewhere. */
export function wantsLinearOutput({ imageProcessingConfiguration: processing }: Scene): boolean {
    return processing.isEnabled && processing.applyByPostProcess;
}

/** Length in world units of a metre of head space: the mean over the axes. */
export function unitLength(headToWorld: Matrix): number {
    const m = headToWorld.m;
    const axis = (row: number): number =>
        Math.hypot(m[row * 4] as number, m[row * 4 + 1] as number, m[row * 4 + 2] as number);
    return (axis(0) + axis(1) + axis(2)) / 3;
}

function createMaterial({ name, scene, colours }: SplatDrawOptions, idMask: number): ShaderMaterial {
    const material = new ShaderMaterial(`${name} splats`, scene, splatShaderSources(), {
        shaderLanguage: ShaderLanguage.WGSL,
        attributes: ['position'],
        uniforms: ['headToView', 'headToWorld', 'projection', 'viewport', 'cameraInHead', 'drawLimits'],
        storageBuffers: ['splatOrder', 'posedSplats', 'splatColours', 'pixelCounts'],
        defines: [
            `#define SPLAT_SH_DEGREE ${colours.shDegree}`,
            `#define SPLAT_COLOUR_WORDS ${colours.wordsPerSplat}u`,
            `#define SPLAT_ID_MASK ${idMask}u`,
        ],
        needAlphaBlending: true,
    });
    // Plain premultiplied alpha adds destination alpha on top and passes 1 in float targets.
    material.alphaMode = Constants.ALPHA_PREMULTIPLIED_PORTERDUFF;
    material.transparencyMode = Material.MATERIAL_ALPHABLEND;
    material.backFaceCulling = false;
    material.disableDepthWrite = true;
    material.doNotSerialize = true;
    scene.removeMaterial(material);
    return material;
}

/** The instanced quads: corners in xy, quad number in z. */
function createQuads(name: string, material: Material): Mesh {
    const positions: number[] = [];
    const indices: number[] = [];
    for (let quad = 0; quad < QUADS_PER_INSTANCE; quad++) {
        positions.push(-1, -1, quad, 1, -1, quad, 1, 1, quad, -1, 1, quad);
        indices.push(...[0, 1, 2, 0, 2, 3].map((corner) => quad * 4 + corner));
    }
    return createHiddenMesh(name, material, positions, indices);
}
