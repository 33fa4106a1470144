/** How a run of the bench was asked for. */
export interface BenchOptions {
    /** One JSON object to stdout, nothing appended to the CSV. */
    readonly json: boolean;
    /** Fewer rounds and pictures: under five minutes instead of eight on two cores. */
    readonly quick: boolean;
    /** Node's WebGPU alone: for a machine with a GPU and no browser. */
    readonly computeOnly: boolean;
    /** Prints what it takes and ends. */
    readonly help: boolean;
}

/** Rounds of every contest. A round measures each variant once. */
export interface RoundPlan {
    readonly compute: number;
    /** Rounds of the passes that draw, which a software adapter takes seconds for. */
    readonly draws: number;
    readonly drawSizes: readonly DrawSize[];
    readonly nets: number;
    readonly frames: number;
    /** Frames of a variant in a round, after one that is not timed. */
    readonly framesPerRound: number;
    /** Tiles join every so-many-th round of the frames, with one timed frame. */
    readonly tileFramesEvery: number;
}

/** What is drawn: splats of the head, side of the square picture in px. */
export interface DrawSize {
    readonly splats: number;
    readonly pixels: number;
}

/** Splats of the timed heads; halves and doubles of the paper's 30 000. */
export const SPLAT_COUNTS = [7_500, 15_000, 30_000, 60_000] as const;
/** Sides of the timed pictures, px. */
export const PICTURE_SIZES = [256, 512, 1024] as const;
/** Where the two scalings cross: the paper's count, and the size of its pictures. */
export const USUAL_DRAW: DrawSize = { splats: 30_000, pixels: 512 };

export const USAGE = `npm run bench -- [--quick] [--json] [--compute-only]

Times the kernels and whole frames of a head against named peers, interleaved, in one run on one machine.

  --quick         fewer rounds and pictures; under five minutes on two cores
  --json          one JSON object to stdout; nothing is appended to docs/benchmarks/frame.csv
  --compute-only  the kernels alone, without a browser and without pictures
`;

/** Reads the command line. @throws Error - an argument that does not exist. */
export function parseOptions(args: readonly string[]): BenchOptions {
    const known = ['--json', '--quick', '--compute-only', '--help'];
    const unknown = args.find((arg) => !known.includes(arg));
    if (unknown !== undefined) throw new Error(`bench: expected ${known.join(', ')}, got "${unknown}".\n\n${USAGE}`);
    return {
        json: args.includes('--json'),
        quick: args.includes('--quick'),
        computeOnly: args.includes('--compute-only'),
        help: args.includes('--help'),
    };
}

const ALL_DRAWS: readonly DrawSize[] = SPLAT_COUNTS.flatMap((splats) =>
    PICTURE_SIZES.map((pixels) => ({ splats, pixels })),
);

/** Nine rounds are what a median of shared cores needs (measured); the slow peers get fewer where time is short. */
export function roundPlan(quick: boolean): RoundPlan {
    if (!quick) {
        const frames = { frames: 11, framesPerRound: 12, tileFramesEvery: 4 };
        return { compute: 15, draws: 3, drawSizes: ALL_DRAWS, nets: 9, ...frames };
    }
    // One row and one column of the whole table, which is all that scaling is read from.
    const drawSizes = ALL_DRAWS.filter(
        ({ splats, pixels }) => splats === USUAL_DRAW.splats || pixels === USUAL_DRAW.pixels,
    );
    return { compute: 9, draws: 2, drawSizes, nets: 3, frames: 7, framesPerRound: 6, tileFramesEvery: 4 };
}
