import { describe, expect, it } from 'vitest';
import { ReachCells, type ReachView } from '../../plugin/densify/index.js';

const COUNT = 4;

function viewAt(yawDegrees: number, options: Partial<ReachView> = {}): ReachView {
    const yaw = (yawDegrees * Math.PI) / 180;
    return { direction: [Math.sin(yaw), 0, Math.cos(yaw)], distance: 1, pixelsPerMetre: 500, ...options };
}

/** Measures whatever is missing: splat 0 is seen from the front, 1 from the back, 2 from everywhere, 3 from nowhere. */
function measure(cells: ReachCells): number {
    let measured = 0;
    for (let cell = cells.missing; cell; cell = cells.missing) {
        const isFront = cell.view.direction[2] > 0;
        cells.put(cell, [isFront ? 7 : 0, isFront ? 0 : 9, 1, 0]);
        measured++;
    }
    return measured;
}

function keptOf(cells: ReachCells): number[] | null {
    return cells.kept && [...cells.kept];
}

describe('ReachCells', () => {
    it('keeps everything until all cells around the view are measured', () => {
        const cells = new ReachCells(new Uint8Array(COUNT));
        cells.lookFrom([viewAt(0)]);
        expect(keptOf(cells)).toBeNull();
        const first = cells.missing;
        expect(first).toBeDefined();
        if (first) cells.put(first, [1, 0, 0, 0]);
        expect(keptOf(cells)).toBeNull();
        expect(measure(cells)).toBeGreaterThan(0);
        expect(keptOf(cells)).toEqual([1, 0, 1, 0]);
    });

    it('keeps what any of several views reaches, and what is never to be left out', () => {
        const cells = new ReachCells(Uint8Array.from([0, 0, 0, 1]));
        cells.lookFrom([viewAt(0), viewAt(180)]);
        measure(cells);
        expect(keptOf(cells)).toEqual([1, 1, 1, 1]);
        cells.lookFrom([viewAt(180)]);
        expect(keptOf(cells)).toEqual([0, 1, 1, 1]);
    });

    it('has a cell on at least two sides of every view, and remembers what it measured', () => {
        const cells = new ReachCells(new Uint8Array(COUNT));
        for (let yaw = 0; yaw < 360; yaw += 5) {
            cells.lookFrom([viewAt(yaw)]);
            measure(cells);
            expect(keptOf(cells)).not.toBeNull();
        }
        for (let yaw = 0; yaw < 360; yaw += 5) {
            cells.lookFrom([viewAt(yaw)]);
            expect(measure(cells)).toBe(0);
        }
    });

    it('does not switch while a view trembles on a border, in direction, size or distance', () => {
        const cells = new ReachCells(new Uint8Array(COUNT));
        const tremble = (views: readonly ReachView[]): number => {
            for (const view of views) {
                cells.lookFrom([view]);
                measure(cells);
            }
            const before = cells.version;
            for (let k = 0; k < 20; k++) cells.lookFrom([views[k % views.length] as ReachView]);
            return cells.version - before;
        };
        for (let yaw = 0; yaw < 20; yaw++) expect(tremble([viewAt(yaw), viewAt(yaw + 1)])).toBe(0);
        expect(tremble([viewAt(0, { pixelsPerMetre: 511 }), viewAt(0, { pixelsPerMetre: 513 })])).toBe(0);
        expect(tremble([viewAt(0, { distance: 1.22 }), viewAt(0, { distance: 1.23 })])).toBe(0);
    });

    it('measures at least as fine as the view is, and not more than twice as fine', () => {
        const cells = new ReachCells(new Uint8Array(COUNT));
        cells.lookFrom([viewAt(0, { pixelsPerMetre: 600 })]);
        expect(cells.missing?.view.pixelsPerMetre).toBe(1024);
    });

    it('keeps everything for a view from who knows where, and for none', () => {
        const cells = new ReachCells(new Uint8Array(COUNT));
        cells.lookFrom([viewAt(0)]);
        measure(cells);
        const { version } = cells;
        cells.lookFrom(null);
        expect(keptOf(cells)).toBeNull();
        expect(cells.version).toBeGreaterThan(version);
        cells.lookFrom([]);
        expect(keptOf(cells)).toBeNull();
        expect(cells.missing).toBeUndefined();
    });

    it('refuses counts of another head', () => {
        const cells = new ReachCells(new Uint8Array(COUNT));
        cells.lookFrom([viewAt(0)]);
        const { missing } = cells;
        expect(missing).toBeDefined();
        if (missing) expect(() => cells.put(missing, [1, 2])).toThrow(/pixelCounts.*expected/);
    });
});
