import type { Camera } from '@babylonjs/core/Cameras/camera.js';
import { Matrix } from '@babylonjs/core/Maths/math.vector.js';
import type { Scene } from '@babylonjs/core/scene.js';
import type { DepthSorter, SortedView } from '../compute/index.js';
import { ViewOrders } from './view-orders.js';

/** Sphere in head space that holds the splats, metres: the range of the depth keys. */
export interface DepthSphere {
    readonly centre: readonly [number, number, number];
    readonly radius: number;
}

/** Which views of a head need sorting: known cameras before the frame, others when they draw. Owns no buffers. */
export class ViewSorts {
    /** Head space to the view space of the last view looked at. */
    public readonly headToView: Matrix = new Matrix();
    readonly #viewToHead: Matrix = new Matrix();
    readonly #scene: Scene;
    readonly #sphere: DepthSphere;
    readonly #orders: ViewOrders;
    readonly #pending: SortedView[] = [];
    readonly #axis: { x: number; y: number; z: number; offset: number; range: number };
    #poseVersion = 0;

    public constructor(scene: Scene, sphere: DepthSphere, sorter: DepthSorter) {
        this.#scene = scene;
        this.#sphere = sphere;
        this.#orders = new ViewOrders(sorter);
        this.#axis = { x: 0, y: 0, z: 1, offset: 0, range: 2 * sphere.radius };
    }

    /** Draw orders allocated so far: distinct view directions shown within one frame. */
    public get viewCount(): number {
        return this.#orders.count;
    }

    /** Says that the posed splats have changed, so that every order is out of date. */
    public markPosed(): void {
        this.#poseVersion++;
    }

    /**
     * Aims the sorts that the given cameras need and do not have.
     *
     * @param headToWorld - head space to Babylon's world.
     * @returns views to record, in any order; empty when nothing changed. The array is reused.
     */
    public plan(cameras: readonly Camera[], headToWorld: Matrix, frame: number): readonly SortedView[] {
        this.#pending.length = 0;
        // Views that stay keep their orders: claim those before any slot is given away.
        for (const isFirstRound of [true, false]) {
            for (const camera of cameras) {
                this.#lookAlong(headToWorld, camera.getViewMatrix());
                const known = this.#orders.find(this.#axis);
                if ((known === undefined) === isFirstRound) continue;
                const slot = this.#orders.acquire(this.#axis, frame);
                if (slot.poseVersion === this.#poseVersion) continue;
                this.#orders.aim(slot, this.#axis, this.#poseVersion);
                this.#pending.push(slot.view);
            }
        }
        return this.#pending;
    }

    /**
     * Order of a view; sets {@link headToView}.
     *
     * @param submit - records and submits a view that was not planned (a render target's camera) or is out of date, at
     *   once: a submit runs before the pass being recorded.
     * @param view - world to view. Default: the scene's current one.
     */
    public current(
        headToWorld: Matrix,
        submit: (view: SortedView) => void,
        view: Matrix = this.#scene.getViewMatrix(),
    ): GPUBuffer {
        this.#lookAlong(headToWorld, view);
        const slot = this.#orders.acquire(this.#axis, this.#scene.getEngine().frameId);
        if (slot.poseVersion !== this.#poseVersion) {
            this.#orders.aim(slot, this.#axis, this.#poseVersion);
            submit(slot.view);
        }
        return slot.view.order;
    }

    /** Camera centre of the last view looked at, head space; then +1 where it looks along +z, else -1. */
    public cameraInHead(): readonly [number, number, number, number] {
        this.headToView.invertToRef(this.#viewToHead);
        const { m } = this.#viewToHead;
        return [m[12] as number, m[13] as number, m[14] as number, this.#scene.useRightHandedSystem ? -1 : 1];
    }

    /** Fills the depth plane of a view: nearness grows against the view direction, in head metres. */
    #lookAlong(headToWorld: Matrix, view: Matrix): void {
        headToWorld.multiplyToRef(view, this.headToView);
        const m = this.headToView.m;
        const { centre, radius } = this.#sphere;
        const towardsCamera = this.#scene.useRightHandedSystem ? 1 : -1;
        const [x, y, z] = [m[2] as number, m[6] as number, m[10] as number];
        const scale = towardsCamera / Math.max(Math.hypot(x, y, z), 1e-30);
        this.#axis.x = x * scale;
        this.#axis.y = y * scale;
        this.#axis.z = z * scale;
        this.#axis.offset = radius - (this.#axis.x * centre[0] + this.#axis.y * centre[1] + this.#axis.z * centre[2]);
    }
}
