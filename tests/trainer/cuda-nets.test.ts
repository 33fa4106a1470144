import { beforeAll, describe, expect, it } from 'vitest';
import { findNative } from '../../tools/trainer-node/src/native/locate.js';
import { linesOf, reportOf } from './emulated-program.js';

/*
 * The CUDA kernels of the audio encoder, of the optimisers and of density control, compiled by g++ and run by the SIMT emulator,
 * against the CPU engine. The program measures (native/tests/emu_nets.cpp and emu_steps.cpp), this file judges.
 */

const program = findNative('pgs_emu_nets');

/** Largest difference over the tensor's largest value. Worst seen: 4.3e-7 for f_a and 6.1e-7 for gradients. */
const FEATURE_TOLERANCE = 1e-6;
const GRADIENT_TOLERANCE = 2e-6;
const LOSS_TOLERANCE = 3e-7;

interface CaseReport {
    readonly case: string;
    /** Of all arrays that were compared. */
    readonly values: number;
    readonly zeros: number;
    /** Arrays that another order of fibers and blocks changed by a bit. */
    readonly scheduleDifferences: number;
    /** Of the arrays that differ from the CPU's by a bit. */
    readonly distances: Readonly<Record<string, number>>;
    /** Adam: arrays that a step changed, values and moments. */
    readonly changed?: number;
    /** Densify: splats afterwards, those that keep their moments, children of splits. */
    readonly rows?: number;
    readonly survivors?: number;
    readonly children?: number;
}

/** Values and moments that a step moves: 5 tensors of a branch's splats, its planes and 6 layers, 7 layers of the encoder. */
const SPLATS = 5 * 3;
const NETS = (1 + 6 * 2) * 3;
const ENCODER = 7 * 2 * 3;

const WINDOWS = ['encoder, plain window', 'encoder, augmented window', 'encoder, both branches'] as const;
const BATCHES = ['hearing, 1', 'hearing, 7', 'hearing, 64', 'hearing, 300', 'hearing, 7, loss alone'] as const;
const STEPS: Readonly<Record<string, number>> = {
    'adam, static, both': 2 * SPLATS,
    'adam, static, mouth': SPLATS,
    'adam, deformation, face': SPLATS + NETS + ENCODER,
    'adam, deformation, mouth': SPLATS + NETS + ENCODER,
    'adam, deformation, both': 2 * SPLATS + 2 * NETS + ENCODER,
    'adam, fine-tuning': 3 * 3, // both colours, the face's opacity
    'adam, fine-tuning, fixed opacities': 2 * 3,
    'adam, hearing': ENCODER,
    'adam, nothing': 0,
};
const HELD = [
    'adam, first view overflowed',
    'adam, second view overflowed',
    'adam, diverged before',
    'adam, loss NaN',
    'adam, loss infinite',
] as const;
const DENSIFIED: Readonly<Record<string, { rows: number; survivors: number; children: number }>> = {
    'densify, all four actions': { rows: 475, survivors: 143, children: 284 },
    'densify, the first split, degree 0': { rows: 260, survivors: 86, children: 174 },
    'densify, nothing to do': { rows: 100, survivors: 100, children: 0 },
    'densify, clones alone': { rows: 130, survivors: 65, children: 0 },
    'densify, splits alone': { rows: 258, survivors: 0, children: 258 },
    'densify, one splat': { rows: 2, survivors: 0, children: 2 },
    'densify, all pruned': { rows: 0, survivors: 0, children: 0 },
    'densify, no splats': { rows: 0, survivors: 0, children: 0 },
};

function tolerance(array: string): number {
    if (array === 'loss') return LOSS_TOLERANCE;
    return array.startsWith('feat') ? FEATURE_TOLERANCE : GRADIENT_TOLERANCE;
}

describe.skipIf(program === undefined)(
    'encoder, Adam and density control under the emulator (needs `npm run build:native`)',
    () => {
        const reports = new Map<string, CaseReport>();
        const report = (name: string): CaseReport => reportOf(reports, name);

        beforeAll(async () => {
            for (const each of await linesOf<CaseReport>(program ?? '')) reports.set(each.case, each);
        });

        it('were given every case, and leave the same bits under three schedules', () => {
            const expected = [...WINDOWS, 'encoder, overflow', ...BATCHES];
            expected.push(...Object.keys(STEPS), ...HELD, ...Object.keys(DENSIFIED));
            expect([...reports.keys()]).toEqual(expected);
            const differing = [...reports.values()].filter(({ scheduleDifferences }) => scheduleDifferences > 0);
            expect(differing).toEqual([]);
        });

        it.for([...WINDOWS, ...BATCHES])('give the features, gradients and loss of the CPU: %s', (name) => {
            const { distances } = report(name);
            const far = Object.entries(distances).filter(([array, distance]) => !(distance <= tolerance(array)));
            expect(far).toEqual([]);
        });

        it('leave no gradient but those of the opening layer at zero where nothing was masked or dropped', () => {
            expect(report('encoder, plain window').zeros).toBe(33);
            expect(report('encoder, augmented window').zeros).toBeGreaterThan(1000);
            expect(report('hearing, 300').zeros).toBe(0);
        });

        it('leave the gradients alone where the view overflowed', () => {
            expect(report('encoder, overflow')).toMatchObject({ values: 35_905, zeros: 0, distances: {} });
        });

        it.for(Object.entries(STEPS))('step as the CPU does, to the bit: %s', ([name, changed]) => {
            expect(report(name)).toMatchObject({ changed, distances: {} });
        });

        it.for(HELD)('leave values and moments as before the step: %s', (name) => {
            const { distances, values } = report(name);
            expect(distances).toEqual({});
            expect(values).toBeGreaterThan(300_000);
        });

        it.for(Object.entries(DENSIFIED))('gather and split as the CPU does, to the bit: %s', ([name, counts]) => {
            expect(report(name)).toMatchObject({ ...counts, distances: {} });
        });
    },
);
