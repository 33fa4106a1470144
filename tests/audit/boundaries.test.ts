import { describe, expect, it } from 'vitest';
import { importsOf, listFiles, readText, type SourceImport } from '../helpers/sources.js';

/** A row of the table. */
interface Unit {
    readonly imports: readonly string[];
    readonly packages: readonly string[];
    /** Front files that others reach with `import()` alone, types aside, so that a build keeps them in files of their own. */
    readonly deferred?: readonly string[];
}

/** The table of who may import whom. A unit is a folder, or a file that composes folders. ESLint reads it too. */
interface Boundaries {
    readonly units: Readonly<Record<string, Unit>>;
}

const { units } = JSON.parse(readText('tests/audit/boundaries.json')) as Boundaries;
const files = listFiles(['plugin', 'sandbox', 'tools/trainer-node'], ['.ts', '.mts', '.mjs', '.js']);
const graph = new Map(files.map((file) => [file, importsOf(file)]));
const REFERENCE = 'plugin/core/reference/';

function unitOf(path: string): string | undefined {
    return Object.keys(units).find((unit) => path === unit || path.startsWith(`${unit}/`));
}

/** What is wrong with one import, or undefined. */
function fault(file: string, unit: string, entry: SourceImport): string | undefined {
    const { specifier, target, isTypeOnly, isDynamic } = entry;
    const rules = units[unit];
    if (target === undefined) {
        const known = rules?.packages.some(
            (name) => specifier === name || specifier.startsWith(name.replace(/[^:]$/, '$&/')),
        );
        return known ? undefined : `${unit} may not use package ${specifier}`;
    }
    if (target.startsWith(REFERENCE) && !file.startsWith(REFERENCE)) return 'reference maths is for tests only';
    const targetUnit = unitOf(target);
    if (targetUnit === unit) return undefined;
    if (targetUnit === undefined) return `${target} belongs to no unit of boundaries.json`;
    // The pixel-count heat map is the one part of densify that runs on the GPU.
    const allowed = file.startsWith('plugin/densify/') && file.endsWith('.gpu.ts') ? ['plugin/compute'] : [];
    if (![...(rules?.imports ?? []), ...allowed].includes(targetUnit)) return `${unit} may not import ${targetUnit}`;
    if (units[targetUnit]?.deferred?.includes(target))
        return isTypeOnly || isDynamic ? undefined : `${target} is for import() alone`;
    if (target !== targetUnit && target !== `${targetUnit}/index.ts`)
        return `${target} is an inner file of ${targetUnit}`;
    return undefined;
}

/** The first cycle in a graph of names, as the names along it; empty when there is none. */
function findCycle(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] {
    const done = new Set<string>();
    const path: string[] = [];
    const visit = (node: string): string[] => {
        if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
        if (done.has(node)) return [];
        path.push(node);
        for (const next of edges.get(node) ?? []) {
            const cycle = visit(next);
            if (cycle.length > 0) return cycle;
        }
        path.pop();
        done.add(node);
        return [];
    };
    for (const node of edges.keys()) {
        const cycle = visit(node);
        if (cycle.length > 0) return cycle;
    }
    return [];
}

describe('import boundaries', () => {
    it('gives every source file a unit', () => {
        expect(files.filter((file) => unitOf(file) === undefined)).toEqual([]);
        expect(files.length).toBeGreaterThan(0);
    });

    it('lets each unit import only the front files and packages of its row', () => {
        const faults = [...graph].flatMap(([file, imports]) =>
            imports.flatMap((entry) => fault(file, unitOf(file) ?? '', entry) ?? []).map((text) => `${file}: ${text}`),
        );
        expect(faults).toEqual([]);
    });

    it('refuses a deferred front file in a static import, and an inner file in any', () => {
        const faultOf = (target: string, more: Partial<SourceImport> = {}): string | undefined =>
            fault('plugin/head-gpu.ts', 'plugin/head-gpu.ts', { specifier: '', target, isTypeOnly: false, isDynamic: false, ...more }); // prettier-ignore
        const deferred = 'plugin/splat-material/pictures.ts';
        expect(faultOf(deferred)).toMatch('import() alone');
        expect(faultOf(deferred, { isTypeOnly: true })).toBeUndefined();
        expect(faultOf(deferred, { isDynamic: true })).toBeUndefined();
        expect(faultOf('plugin/splat-material/tile-draw.ts', { isDynamic: true })).toMatch('inner file');
    });

    it('has no cycle between units', () => {
        const edges = new Map<string, Set<string>>();
        for (const [file, imports] of graph) {
            const unit = unitOf(file) ?? file;
            const targets = imports
                .flatMap(({ target }) => (target && unitOf(target)) ?? [])
                .filter((to) => to !== unit);
            edges.set(unit, new Set([...(edges.get(unit) ?? []), ...targets]));
        }
        expect(findCycle(edges)).toEqual([]);
    });

    it('has no cycle between files, type imports aside', () => {
        const edges = [...graph].map(([file, imports]): [string, Set<string>] => [
            file,
            new Set(imports.flatMap(({ target, isTypeOnly }) => (isTypeOnly || target === undefined ? [] : target))),
        ]);
        expect(findCycle(new Map(edges))).toEqual([]);
    });

    it('reaches into the engine in one file only', () => {
        const bridge = 'plugin/splat-material/engine-bridge.ts';
        const reaching = files.filter((file) => file.startsWith('plugin/') && /\._device\b/.test(readText(file)));
        expect(reaching.filter((file) => file !== bridge)).toEqual([]);
    });

    it('finds a cycle when there is one', () => {
        expect(findCycle(new Map([['a', new Set(['b'])], ['b', new Set(['a'])]]))).toEqual(['a', 'b', 'a']); // prettier-ignore
    });
});
