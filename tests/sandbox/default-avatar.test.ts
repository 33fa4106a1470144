import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AUDIO_FEAT_DIM, decodeHead } from '../../plugin/core/index.js';
import { CpuDeformer } from '../../plugin/deformer/index.js';

const head = decodeHead(
    new Uint8Array(readFileSync(resolve(import.meta.dirname, '../../sandbox/public/avatars/ava.glb'))),
);
const deformer = new CpuDeformer(head);

/** Where parts of this face lie, head space, metres: lowest and highest y; all in front of the ears. */
const LIDS = [0.018, 0.032] as const;
const BROWS = [0.033, 0.05] as const;
const LIPS = [-0.075, -0.035] as const;
const MIN_Z = 0.06;

/** How far the fastest fiftieth of a part's splats moves up when one action unit goes to 1, mm; and how far anyhow. */
function motionOf(unit: string, [low, high]: readonly [number, number]): { up: number; any: number } {
    const silence = new Float32Array(AUDIO_FEAT_DIM);
    const rest = deformer.deform(silence, head.expression.neutral).face.means.slice();
    const expression = head.expression.names.map((name, at) =>
        name === unit ? 1 : (head.expression.neutral[at] as number),
    );
    const moved = deformer.deform(silence, expression).face.means;
    const rows: { up: number; any: number }[] = [];
    for (let i = 0; i < rest.length; i += 3) {
        const [y, z] = [rest[i + 1] as number, rest[i + 2] as number];
        if (y < low || y > high || z < MIN_Z) continue;
        const delta = [0, 1, 2].map((axis) => 1000 * ((moved[i + axis] as number) - (rest[i + axis] as number)));
        rows.push({ up: delta[1] as number, any: Math.hypot(...delta) });
    }
    rows.sort((a, b) => b.any - a.any);
    return rows[Math.floor(rows.length / 50)] ?? { up: 0, any: 0 };
}

describe('the default avatar', () => {
    it('closes its eyes with AU45: lids down by more than 4 mm, lips still', () => {
        expect(motionOf('AU45', LIDS).up).toBeLessThan(-4);
        expect(motionOf('AU45', LIPS).any).toBeLessThan(1.5);
    });

    it.each([
        ['AU01', 'raises', 1],
        ['AU04', 'lowers', -1],
    ] as const)('%s %s the brows by more than 3 mm, lips still', (unit, _verb, sign) => {
        expect(sign * motionOf(unit, BROWS).up).toBeGreaterThan(3);
        expect(motionOf(unit, LIPS).any).toBeLessThan(1.5);
    });

    it('opens its eyes wider with AU05 and raises the lower lid with AU07', () => {
        expect(motionOf('AU05', LIDS).up).toBeGreaterThan(1.5);
        expect(motionOf('AU07', [0.008, 0.018]).up).toBeGreaterThan(1.5);
    });

    it('squints with AU06', () => {
        expect(motionOf('AU06', [0.008, 0.02]).up).toBeGreaterThan(2);
    });
});
