import type { Scene } from '@babylonjs/core/scene.js';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { CreateTalkingHeadAsync, type TalkingHeadMesh } from '../../plugin/index.js';
import { fetchPartAsync, lateParts, type LateParts } from '../../plugin/late-parts.js';
import { tryBabylon, type NodeEngine, type NodeEngineAttempt } from '../helpers/babylon-node.js';
import { lookAt } from '../helpers/look-at.js';
import { makeHead } from '../helpers/make-head.js';
import { stageFor } from '../helpers/stage.js';

const SIZE = 32;
const SPLATS = 40;
const PINHOLE = lookAt([0, 0, 0.8], [0, 0, 0], { fx: 64, fy: 64, cx: 16, cy: 16, width: SIZE, height: SIZE });

type Pictures = Awaited<ReturnType<LateParts['picturesAsync']>>;

let attempt: NodeEngineAttempt = { reason: 'not started' };
let scene: Scene | undefined;
beforeAll(async () => {
    attempt = await tryBabylon(SIZE, SIZE);
});
afterEach(() => {
    scene?.dispose();
    scene = undefined;
    vi.restoreAllMocks();
});
afterAll(() => {
    if ('host' in attempt) attempt.host.dispose();
});

interface Stage {
    readonly host: NodeEngine;
    readonly scene: Scene;
    readonly head: TalkingHeadMesh;
    readonly warnings: string[];
}

async function stagedAsync(skip: (reason: string) => never, options: { levelOfDetail?: boolean } = {}): Promise<Stage> {
    if (!('host' in attempt)) return skip(attempt.reason);
    scene = stageFor(attempt.host, PINHOLE);
    const asset = makeHead({ faceCount: SPLATS - 8, mouthCount: 8, seed: 6 });
    const head = await CreateTalkingHeadAsync('head', asset, scene, { levelOfDetail: false, ...options });
    await until(() => head.isReady(true));
    const warnings: string[] = [];
    head.onWarningObservable.add((warning) => warnings.push(warning));
    return { host: attempt.host, scene, head, warnings };
}

async function until(holds: () => boolean): Promise<void> {
    await vi.waitUntil(holds, { timeout: 60_000, interval: 5 });
}

/** Everything that is due in this turn of the event loop and the next. */
async function settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** The pictures' file with stand-ins that draw nothing, and what was made of them. */
function standIns(): { part: Pictures; made: { readonly kind: string; dispose: ReturnType<typeof vi.fn> }[] } {
    const made: { readonly kind: string; dispose: ReturnType<typeof vi.fn> }[] = [];
    const standIn = (kind: string) => ({
        createAsync: () => {
            const picture = {
                kind,
                isFilling: false,
                isReady: () => true,
                setActiveCount: () => undefined,
                markPosed: () => undefined,
                planViews: () => [],
                canDraw: () => false,
                dispose: vi.fn(),
            };
            made.push(picture);
            return Promise.resolve(picture);
        },
    });
    const part = { TileDraw: standIn('tile'), LayerDraw: standIn('layer'), HeatMap: standIn('heat') };
    return { part: part as unknown as Pictures, made };
}

/** A fetch that ends when the test says so. */
interface HeldFetch {
    resolve(part: Pictures): void;
    reject(error: Error): void;
}

/** Lets every fetch of the pictures' file wait. */
function holdFetches(): readonly HeldFetch[] {
    const asked: HeldFetch[] = [];
    const fetchAsync = (): Promise<Pictures> =>
        new Promise((resolve, reject) => {
            asked.push({ resolve, reject });
        });
    vi.spyOn(lateParts, 'picturesAsync').mockImplementation(fetchAsync);
    return asked;
}

const offline = (): Promise<never> => Promise.reject(new TypeError('Failed to fetch'));

describe('what is fetched when it is asked for', () => {
    it('is not fetched by a head that shows quads', async ({ skip }) => {
        const pictures = vi.spyOn(lateParts, 'picturesAsync');
        const detail = vi.spyOn(lateParts, 'detailAsync');
        const { host, scene, head } = await stagedAsync(skip, { levelOfDetail: true });
        for (let frame = 0; frame < 10; frame++) await host.renderAsync(scene);
        head.rasterizer = 'quads';
        expect([pictures.mock.calls.length, detail.mock.calls.length]).toEqual([0, 0]);
    });

    it.for(['tile', 'layer', 'heat map'] as const)(
        'leaves quads on the screen until the %s is there',
        async (kind, { skip }) => {
            const asked = holdFetches();
            const { host, scene, head, warnings } = await stagedAsync(skip);
            await host.renderAsync(scene);
            const quads = await host.readPixelsAsync();
            ask(head, kind);
            await settle();
            expect(head.isReady(true)).toBe(false);
            await host.renderAsync(scene);
            expect(await host.readPixelsAsync()).toEqual(quads);
            expect(head.rendererInfo.rasterizer).toBe('quads');
            const { part, made } = standIns();
            asked[0]?.resolve(part);
            await until(() => made.length > 0);
            await settle();
            expect(made).toHaveLength(1);
            expect(warnings).toEqual([]);
        },
    );

    it.for(['tile', 'layer', 'heat map'] as const)(
        'makes no %s of a head that was disposed meanwhile',
        async (kind, { skip }) => {
            const asked = holdFetches();
            const { host, head, warnings } = await stagedAsync(skip);
            const buffers = vi.spyOn(host.device, 'createBuffer');
            ask(head, kind);
            await settle();
            head.dispose();
            const { part, made } = standIns();
            asked[0]?.resolve(part);
            await settle();
            expect([made, warnings, buffers.mock.calls]).toEqual([[], [], []]);
        },
    );

    it('is fetched again for a new device, and what comes for the lost one is let go', async ({ skip }) => {
        const asked = holdFetches();
        const { host, head, warnings } = await stagedAsync(skip);
        head.rasterizer = 'tile';
        await settle();
        host.engine.onContextLostObservable.notifyObservers(host.engine);
        const { part, made } = standIns();
        asked[0]?.resolve(part);
        await settle();
        expect(made).toEqual([]);
        host.engine.onContextRestoredObservable.notifyObservers(host.engine);
        await head.whenPoseableAsync();
        await settle();
        expect(asked).toHaveLength(2);
        asked[1]?.resolve(part);
        await until(() => head.rendererInfo.rasterizer === 'tile');
        expect(made.map(({ kind }) => kind)).toEqual(['tile']);
        expect(warnings).toEqual([]);
        head.dispose();
        expect(made[0]?.dispose).toHaveBeenCalledOnce();
    });

    it('is said not to come only to those who still want it', async ({ skip }) => {
        const asked = holdFetches();
        const { host, head, warnings } = await stagedAsync(skip);
        head.rasterizer = 'tile';
        head.rasterizer = 'quads';
        head.layer = true;
        await settle();
        host.engine.onContextLostObservable.notifyObservers(host.engine);
        for (const fetch of asked) fetch.reject(new TypeError('Failed to fetch'));
        await settle();
        expect([asked.length, warnings]).toEqual([2, []]);
    });

    it.for(['tile', 'layer', 'heat map'] as const)(
        'that cannot be had (%s) is one warning, and quads go on',
        async (kind, { skip }) => {
            const fetches = vi.spyOn(lateParts, 'picturesAsync').mockImplementation(offline);
            const { host, scene, head, warnings } = await stagedAsync(skip);
            await host.renderAsync(scene);
            const quads = await host.readPixelsAsync();
            ask(head, kind);
            await until(() => warnings.length > 0);
            expect(warnings[0]).toMatch(
                /: expected a file of the build, got "Failed to fetch"\. Serve all files .*\. (Plain quads|Splats)/,
            );
            expect(head.isReady(true)).toBe(true);
            expect(head.heatMap).toBe(false);
            for (let frame = 0; frame < 3; frame++) await host.renderAsync(scene);
            expect(await host.readPixelsAsync()).toEqual(quads);
            expect(head.rendererInfo.rasterizer).toBe('quads');
            expect(warnings).toHaveLength(1);
            // Asked for again, it is fetched again.
            head.rasterizer = 'quads';
            head.layer = false;
            ask(head, kind);
            await until(() => warnings.length > 1);
            expect(fetches).toHaveBeenCalledTimes(2);
        },
    );

    it('draws all splats, with one warning, where level of detail cannot be had', async ({ skip }) => {
        const fetches = vi.spyOn(lateParts, 'detailAsync').mockImplementation(offline);
        const { host, scene, head, warnings } = await stagedAsync(skip, { levelOfDetail: true });
        for (let frame = 0; frame < 40; frame++) await host.renderAsync(scene);
        await until(() => warnings.length > 0);
        await host.renderAsync(scene);
        expect(warnings).toEqual([
            expect.stringMatching(/^level of detail: expected a file .* All splats are drawn\.$/),
        ]);
        expect([head.drawnSplatCount, fetches.mock.calls.length]).toEqual([SPLATS, 1]);
    });

    it('gives what came, or nothing to who has gone', async () => {
        const load = (): Promise<number> => Promise.resolve(7);
        expect(await fetchPartAsync(load, () => true)).toBe(7);
        expect(await fetchPartAsync(load, () => false)).toBeUndefined();
        expect(await fetchPartAsync(offline, () => false)).toBeUndefined();
        await expect(fetchPartAsync(offline, () => true)).rejects.toThrow('Failed to fetch');
    });
});

function ask(head: TalkingHeadMesh, kind: 'tile' | 'layer' | 'heat map'): void {
    if (kind === 'tile') head.rasterizer = 'tile';
    else if (kind === 'layer') head.layer = true;
    else head.heatMap = true;
}
