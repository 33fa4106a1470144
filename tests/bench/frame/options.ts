/** How a run of the bench was asked for. */
export interface BenchOptions {
    /** One JSON object to stdout, nothing appended to the CSV. */
    readonly json: boolean;
    /** Fewer rounds: two to three minutes instead of five on two cores. */
    readonly quick: boolean;
    /** Node's WebGPU alone: for a machine with a GPU and no browser. */
    readonly computeOnly: boolean;
    /** Prints what it takes and ends. */
    readonly help: boolean;
}

/** Rounds of every contest. A round measures each variant once. */
export interface RoundPlan {
    readonly compute: number;
    readonly nets: number;
    readonly frames: number;
    /** Frames of a variant in a round, after one that is not timed. */
    readonly framesPerRound: number;
}

export const USAGE = `npm run bench -- [--quick] [--json] [--compute-only]

Times the kernels and whole frames of a head against named peers, interleaved, in one run on one machine.

  --quick         fewer rounds; two to three minutes on two cores
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

/** Nine rounds are what a median of shared cores needs (measured); the slow peers get fewer where time is short. */
export function roundPlan(quick: boolean): RoundPlan {
    return quick
        ? { compute: 9, nets: 3, frames: 9, framesPerRound: 2 }
        : { compute: 21, nets: 9, frames: 21, framesPerRound: 5 };
}
