import { judgedMs, type PassRow } from './pass-row.js';
import { scalingOf, type PassScaling } from './scaling.js';
import { ratio } from './statistics.js';

/** What something cost in the browser: medians over rounds, ms a run or a frame. */
export interface BrowserRow {
    readonly name: string;
    readonly rounds: number;
    readonly wallMs: number;
    readonly wallP95Ms: number;
    /** CPU time of all processes of the browser; null where it does not tell. */
    readonly cpuMs: number | null;
}

/** The browser's half of a run. */
export interface BrowserResult {
    readonly adapter: string;
    readonly isSoftware: boolean;
    /** The face's network over 30 000 rows. */
    readonly nets: readonly BrowserRow[];
    /** Whole frames, 512 x 512, 30 000 splats. */
    readonly frames: readonly BrowserRow[];
    /** PSNR of the peer's picture against ours, dB: that both draw the same thing. */
    readonly peerPictureDb: number;
}

/** Fidelity of pictures, dB; null where not measured. */
export interface Quality {
    readonly tilePsnr: number | null;
    readonly quadsPsnr: number | null;
    readonly tileVsQuadsPsnr: number | null;
}

/** What a run knows before ratios are formed. */
export interface Measured {
    readonly date: string;
    readonly commit: string;
    readonly mode: 'quick' | 'full';
    readonly adapter: string;
    readonly isSoftware: boolean;
    /** Load of the machine over the minute before the run. */
    readonly load: number;
    readonly passes: readonly PassRow[];
    readonly browser: BrowserResult | null;
    readonly quality: Quality;
}

/** Every ratio; null where a side of it was not measured. */
export interface Ratios {
    /** Straight port over ours, 30 000 splats. */
    readonly deformSpeedupOverStraightPort: number | null;
    /** Ours, 60 000 splats over 30 000. */
    readonly deformScaling60kOver30k: number | null;
    /** The naive graph on the WebGPU execution provider over our kernel. */
    readonly deformSpeedupOverOrtWebGpu: number | null;
    /** The refactored graph on the same. */
    readonly deformSpeedupOverOrtWebGpuRefactored: number | null;
    /** Our frame, posed anew every frame, over Babylon's static mesh. */
    readonly frameOverBabylonStatic: number | null;
    /** Our frame at rest over the same. */
    readonly frameAtRestOverBabylonStatic: number | null;
    /** Our talking frame with tiles over the same. */
    readonly frameTileOverBabylonStatic: number | null;
    readonly frameAllSplatsOverBabylonStatic: number | null;
}

/** What `--json` prints. */
export interface Report extends Measured {
    readonly ratios: Ratios;
    readonly verdicts: Readonly<Record<string, Verdict>>;
    readonly scaling: readonly PassScaling[];
}

/** `none`: nothing was measured. */
export type Verdict = 'pass' | 'miss' | 'none';

/** What a number must be. */
export interface Bar {
    readonly name: string;
    readonly atLeast?: number;
    readonly atMost?: number;
    readonly meaning: string;
}

/** What we hold ourselves to. */
export const BARS: readonly Bar[] = [
    {
        name: 'deformSpeedupOverStraightPort',
        atLeast: 8,
        meaning: 'deformation, 30k splats: a straight port of the equations over ours',
    },
    { name: 'deformScaling60kOver30k', atMost: 2.3, meaning: 'deformation: 60k splats over 30k' },
    {
        name: 'deformSpeedupOverOrtWebGpu',
        atLeast: 5,
        meaning: 'face network, 30k rows: ONNX Runtime Web on WebGPU, naive graph, over ours',
    },
    {
        name: 'frameOverBabylonStatic',
        atMost: 1.15,
        meaning:
            'frame, 30k splats, talking (25 poses a second, interpolated for every frame), over a static GaussianSplattingMesh',
    },
    {
        name: 'frameAtRestOverBabylonStatic',
        atMost: 1.15,
        meaning: 'the same frame at rest, over a static GaussianSplattingMesh',
    },
    { name: 'quadsPsnr', atLeast: 65, meaning: 'quads in their half-float layer against the float64 reference, dB' },
    { name: 'tilePsnr', atLeast: 75, meaning: 'tiles on the same target against the float64 reference, dB' },
    { name: 'tileVsQuadsPsnr', atLeast: 50, meaning: 'tiles against quads, same scene, camera and target, dB' },
];

/** Forms ratios and verdicts. On a software adapter times are CPU times: they alone survive a shared machine. */
export function reportOf(measured: Measured): Report {
    const ratios = ratiosOf(measured);
    const values: Readonly<Record<string, number | null>> = { ...ratios, ...measured.quality };
    const verdicts = Object.fromEntries(BARS.map((bar) => [bar.name, verdictOf(bar, values[bar.name] ?? null)]));
    const scaling = scalingOf(measured.passes, measured.isSoftware);
    return { ...measured, ratios, verdicts, scaling };
}

/** Whether a value keeps to a bar; the bar itself passes. */
export function verdictOf({ atLeast = -Infinity, atMost = Infinity }: Bar, value: number | null): Verdict {
    if (value === null) return 'none';
    return value >= atLeast && value <= atMost ? 'pass' : 'miss';
}

function ratiosOf({ passes, isSoftware, browser }: Measured): Ratios {
    const pass = (name: string, splats: number): number | null => {
        const row = passes.find((other) => other.name === name && other.splats === splats);
        return row ? judgedMs(row, isSoftware) : null;
    };
    const net = (name: string): number | null => {
        const row = browser?.nets.find((other) => other.name === name);
        return row ? ((browser?.isSoftware ? row.cpuMs : null) ?? row.wallMs) : null;
    };
    const frame = (name: string): number | null => browser?.frames.find((row) => row.name === name)?.wallMs ?? null;
    return {
        deformSpeedupOverStraightPort: ratio(pass('straightPort', 30_000), pass('deform', 30_000)),
        deformScaling60kOver30k: ratio(pass('deform', 60_000), pass('deform', 30_000)),
        deformSpeedupOverOrtWebGpu: ratio(net('ortWebGpuNaive'), net('ours')),
        deformSpeedupOverOrtWebGpuRefactored: ratio(net('ortWebGpuRefactored'), net('ours')),
        frameOverBabylonStatic: ratio(frame('oursTalking'), frame('babylonStatic')),
        frameAtRestOverBabylonStatic: ratio(frame('oursAtRest'), frame('babylonStatic')),
        frameTileOverBabylonStatic: ratio(frame('oursTiles'), frame('babylonStatic')),
        frameAllSplatsOverBabylonStatic: ratio(frame('oursAllSplats'), frame('babylonStatic')),
    };
}
