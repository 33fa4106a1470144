import { ArcRotateCamera } from '@babylonjs/core/Cameras/arcRotateCamera.js';
import '@babylonjs/core/Cameras/Inputs/arcRotateCameraPointersInput.js';
import { Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import type { Scene } from '@babylonjs/core/scene.js';
import type { SandboxOptions } from '../options.js';

const DEGREES = Math.PI / 180;
/** Vertical field of view of the training cameras. */
const FIELD_OF_VIEW = 33 * DEGREES;
/** Metres left and right of the head's middle that must stay visible on a narrow screen. */
const HALF_WIDTH = 0.19;
/** How far beyond the trained views the camera rests, and may be pulled, degrees. */
const SOFT_MARGIN = 6;
const HARD_MARGIN = 24;
/** Lower, the camera would dip into the desk. */
const LOWEST_PITCH = -7;
/** Views of a head that is not there yet, degrees. */
const DEFAULT_VIEWS: TrainedViews = { yawDegrees: [-35, 35], pitchDegrees: [-11, 17] };

/** The cone of views that a head was trained with, degrees; yaw is positive towards its left, pitch from above. */
export interface TrainedViews {
    readonly yawDegrees: readonly [number, number];
    readonly pitchDegrees: readonly [number, number];
}

/** Part of the canvas that nothing covers, CSS px. */
export interface FreeArea {
    readonly left: number;
    readonly right: number;
    readonly top: number;
    readonly bottom: number;
}

/** An orbit around the head that gives way beyond the views a head was trained for, and glides back. */
export class OrbitCamera {
    public readonly camera: ArcRotateCamera;
    private readonly home: SandboxOptions;
    private views: TrainedViews = DEFAULT_VIEWS;
    private isDragging = false;

    public constructor(scene: Scene, canvas: HTMLCanvasElement, home: SandboxOptions) {
        this.home = home;
        const camera = new ArcRotateCamera('view', 0, 0, 1, new Vector3(0, -0.06, 0), scene);
        this.camera = camera;
        camera.minZ = 0.05;
        camera.maxZ = 12;
        camera.lowerRadiusLimit = 0.45;
        camera.upperRadiusLimit = 1.35;
        camera.wheelDeltaPercentage = 0.01;
        camera.pinchDeltaPercentage = 0.005;
        camera.angularSensibilityX = 1800;
        camera.angularSensibilityY = 1800;
        camera.panningSensibility = 0;
        camera.inertia = 0.86;
        camera.attachControl(canvas, true);
        canvas.addEventListener('pointerdown', () => (this.isDragging = true));
        for (const name of ['pointerup', 'pointercancel', 'pointerleave'] as const) {
            canvas.addEventListener(name, () => (this.isDragging = false));
        }
        scene.onBeforeRenderObservable.add(() => this.relax(scene.getEngine().getDeltaTime() / 1000));
        this.reset();
        this.limitTo(DEFAULT_VIEWS);
    }

    /** Keeps to the views that a head was trained for. */
    public limitTo(views: TrainedViews): void {
        const { camera } = this;
        const { yawDegrees: yaw, pitchDegrees: pitch } = views;
        this.views = views;
        camera.lowerAlphaLimit = Math.PI / 2 + (yaw[0] - HARD_MARGIN) * DEGREES;
        camera.upperAlphaLimit = Math.PI / 2 + (yaw[1] + HARD_MARGIN) * DEGREES;
        camera.lowerBetaLimit = Math.PI / 2 - (pitch[1] + HARD_MARGIN / 2) * DEGREES;
        camera.upperBetaLimit = Math.PI / 2 - Math.max(LOWEST_PITCH, pitch[0] - HARD_MARGIN / 2) * DEGREES;
    }

    /** Back to where the page's address put it. */
    public reset(): void {
        this.camera.inertialAlphaOffset = 0;
        this.camera.inertialBetaOffset = 0;
        this.camera.inertialRadiusOffset = 0;
        this.camera.alpha = Math.PI / 2 + this.home.yaw * DEGREES;
        this.camera.beta = Math.PI / 2 - this.home.pitch * DEGREES;
        this.camera.radius = this.home.distance;
    }

    /** Puts the head into the middle of the free area and keeps its width visible. */
    public frame(area: FreeArea, width: number, height: number): void {
        const { camera } = this;
        const aspect = Math.max(0.2, (area.right - area.left) / height);
        camera.fov = Math.max(FIELD_OF_VIEW, 2 * Math.atan(HALF_WIDTH / aspect));
        const metresPerPixel = (2 * Math.tan(camera.fov / 2) * camera.radius) / height;
        camera.targetScreenOffset.x = ((area.left + area.right - width) / 2) * metresPerPixel;
        camera.targetScreenOffset.y = (-(area.top + area.bottom - height) / 2) * metresPerPixel;
    }

    private relax(seconds: number): void {
        if (this.isDragging || this.home.frozenTime !== null) return;
        const pull = 1 - Math.exp(-4 * Math.min(seconds, 0.1));
        const { camera } = this;
        const { yawDegrees, pitchDegrees } = this.views;
        const yaw = (camera.alpha - Math.PI / 2) / DEGREES;
        const pitch = (Math.PI / 2 - camera.beta) / DEGREES;
        camera.alpha += pull * DEGREES * (clamp(yaw, yawDegrees[0] - SOFT_MARGIN, yawDegrees[1] + SOFT_MARGIN) - yaw);
        camera.beta -= pull * DEGREES * (clamp(pitch, pitchDegrees[0], pitchDegrees[1] + SOFT_MARGIN) - pitch);
    }
}

function clamp(value: number, low: number, high: number): number {
    return Math.min(high, Math.max(low, value));
}
