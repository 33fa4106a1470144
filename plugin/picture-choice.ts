import type { Mesh } from '@babylonjs/core/Meshes/mesh.js';
import type { HeadGpu } from './head-gpu.js';
import {
    assertRasterizer,
    obstacleIn,
    rendererInfoOf,
    type RasterizerChoice,
    type RendererInfo,
} from './rasterizer-choice.js';

/** How a head is asked to be drawn, and what that comes to on the GPU that it has: tiles, a layer of quads, or plain quads. */
export class PictureChoice {
    readonly #mesh: Mesh;
    readonly #warn: (warning: string) => void;
    #rasterizer: RasterizerChoice;
    #hasLayer: boolean;
    #fault: string | undefined;
    /** The last start: what comes of an earlier one counts no more. */
    #starting: Promise<void> | undefined;

    /** @param warn - told, in words, when what is asked for cannot be started. */
    public constructor(
        mesh: Mesh,
        { rasterizer = 'auto', layer = false }: { rasterizer?: RasterizerChoice; layer?: boolean },
        warn: (warning: string) => void,
    ) {
        this.#mesh = mesh;
        this.#warn = warn;
        this.#rasterizer = rasterizer;
        this.#hasLayer = layer;
    }

    public get rasterizer(): RasterizerChoice {
        return this.#rasterizer;
    }

    public get hasLayer(): boolean {
        return this.#hasLayer;
    }

    /** Changes what is asked for. @throws PgsError `OPTION_VALUE` - no such rasterizer. */
    public ask(gpu: HeadGpu | undefined, rasterizer: RasterizerChoice, hasLayer: boolean): void {
        assertRasterizer(this.#mesh.name, rasterizer);
        const kind = this.#kind;
        this.#rasterizer = rasterizer;
        this.#hasLayer = hasLayer;
        if (kind !== this.#kind) this.start(gpu);
    }

    /** Starts what is asked for on a GPU, and frees what was there before. */
    public start(gpu: HeadGpu | undefined): void {
        const kind = this.#kind;
        this.#fault = undefined;
        gpu?.stopPicture();
        const starting = kind && gpu?.startPictureAsync(kind, this.#mesh);
        this.#starting = starting;
        starting?.catch((error: unknown) => {
            if (starting !== this.#starting) return;
            this.#fault = (error as Error).message;
            const what = kind === 'tile' ? 'tile rasterizer' : 'layer';
            this.#warn(`${what}: ${this.#fault} Plain quads draw instead.`);
        });
    }

    /** Whether nothing is compiling any more. */
    public isReady(gpu: HeadGpu): boolean {
        const isDue = this.#kind !== undefined && this.#fault === undefined;
        return !isDue || gpu.picture?.isReady() === true;
    }

    /** What draws the scene's cameras where it is ready and able to; undefined where plain quads do. */
    public pictureOf(gpu: HeadGpu): HeadGpu['picture'] {
        if (this.#kind === undefined || this.#obstacle(gpu) !== undefined) return undefined;
        return gpu.picture?.isReady() ? gpu.picture : undefined;
    }

    /** What draws the scene's cameras, and why. */
    public infoOf(gpu: HeadGpu | undefined): RendererInfo {
        const obstacle = this.#obstacle(gpu);
        const info = rendererInfoOf(this.#rasterizer, obstacle, gpu?.hasHeat);
        if (!this.#hasLayer) return info;
        const off = this.#rasterizer === 'tile' ? 'tile goes before' : obstacle;
        const layer = off === undefined ? 'blended in a half-float layer' : `no layer: ${off}`;
        return { ...info, reason: `${info.reason}; ${layer}` };
    }

    get #kind(): 'tile' | 'layer' | undefined {
        if (this.#rasterizer === 'tile') return 'tile';
        return this.#hasLayer ? 'layer' : undefined;
    }

    /** Why only plain quads can draw now; undefined when tiles or a layer can. */
    #obstacle(gpu: HeadGpu | undefined): string | undefined {
        if (gpu?.hasHeat) return 'the heat map colours quads';
        return this.#fault ?? obstacleIn(this.#mesh.getScene()) ?? (gpu?.picture ? undefined : 'it is being compiled');
    }
}
