import type { ClipSetup } from './clip-part.js';
import type { LiveSetup } from './live-part.js';

/** How a run of the bench was asked for. */
export interface BenchOptions {
    /** One JSON object to stdout, nothing appended to the CSV. */
    readonly json: boolean;
    /** Less of everything: under four minutes instead of fifteen on two idle cores. */
    readonly quick: boolean;
    /** Prints what it takes and ends. */
    readonly help: boolean;
}

/** How much is measured. */
export interface Plan {
    /** Length of the speech, s. */
    readonly speechSeconds: number;
    readonly clips: readonly ClipSetup[];
    readonly live: readonly LiveSetup[];
    /** Simulated time, min. */
    readonly driftMinutes: number;
    readonly interrupts: number;
    readonly leakInterrupts: number;
    readonly cpuRounds: number;
    readonly cpuSeconds: number;
}

export const USAGE = `npm run bench:voice -- [--quick] [--json]

Measures lips against sound in headless Chromium: lag, drift, latency, interruptions, features, cost.

  --quick  less of everything; under four minutes on two cores
  --json   one JSON object to stdout; nothing is appended to docs/benchmarks/voice.csv

Ends with 1 when a bar is missed, with 2 when it could not measure.
`;

/** Reads the command line. @throws Error - an argument that does not exist. */
export function parseOptions(args: readonly string[]): BenchOptions {
    const known = ['--json', '--quick', '--help'];
    const unknown = args.find((arg) => !known.includes(arg));
    if (unknown !== undefined) throw new Error(`bench: expected ${known.join(', ')}, got "${unknown}".\n\n${USAGE}`);
    return { json: args.includes('--json'), quick: args.includes('--quick'), help: args.includes('--help') };
}

/** Pages that are not isolated come first, so that each is opened once. */
export function planOf(quick: boolean): Plan {
    const liveSetups = (seconds: number, lowSeconds: number): LiveSetup[] =>
        [false, true].flatMap((isIsolated) => [
            { isIsolated, latency: 'balanced', sampleRate: isIsolated ? 44_100 : 48_000, seconds } as const,
            { isIsolated, latency: 'low', sampleRate: 48_000, seconds: lowSeconds } as const,
        ]);
    if (quick) {
        return {
            speechSeconds: 20,
            clips: [
                { sampleRate: 44_100, isIsolated: false },
                { sampleRate: 48_000, isIsolated: true },
            ],
            live: liveSetups(16, 12),
            driftMinutes: 12,
            interrupts: 8,
            leakInterrupts: 200,
            cpuRounds: 4,
            cpuSeconds: 5,
        };
    }
    return {
        speechSeconds: 60,
        clips: [false, true].flatMap((isIsolated) =>
            [44_100, 48_000].map((sampleRate) => ({ sampleRate, isIsolated })),
        ),
        live: liveSetups(30, 20),
        driftMinutes: 60,
        interrupts: 20,
        leakInterrupts: 200,
        // Short rounds in turn: a core's speed drifts over minutes by more than a voice costs.
        cpuRounds: 15,
        cpuSeconds: 5,
    };
}
