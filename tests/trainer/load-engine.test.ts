import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDataset, type Dataset } from '../../tools/trainer-node/src/dataset/dataset.js';
import { beginFrames, loadFrames } from '../../tools/trainer-node/src/load-engine.js';
import { Engine } from '../../tools/trainer-node/src/native/engine.js';
import { nativeFolders } from '../../tools/trainer-node/src/native/locate.js';
import { Turns } from '../../tools/trainer-node/src/turns.js';
import { writeToyDataset } from './toy-dataset.js';

const hasEngine = nativeFolders().some((folder) => existsSync(join(folder, 'libpgs_cpu.so')));
const FRAMES = 10;
let root = '';
let dataset: Dataset;

beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'pgs-load-'));
    await writeToyDataset(join(root, 'toy'), { frames: FRAMES, side: 24, test: 2 });
    dataset = await openDataset(join(root, 'toy'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

describe('turns', () => {
    it('run one after the other in the order in which they were asked for, also after one that failed', async () => {
        const turns = new Turns();
        const seen: string[] = [];
        const work = (name: string, ms: number) => async (): Promise<string> => {
            seen.push(`${name} begins`);
            await sleep(ms);
            seen.push(`${name} ends`);
            if (name === 'second') throw new Error('second failed');
            return name;
        };
        const asked = [work('first', 20), work('second', 1), work('third', 1)].map((each) => turns.take(each));
        expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual([
            'fulfilled',
            'rejected',
            'fulfilled',
        ]);
        expect(seen).toEqual(['first', 'second', 'third'].flatMap((name) => [`${name} begins`, `${name} ends`]));
    });
});

describe.skipIf(!hasEngine)('loading frames (needs `npm run build:native`)', () => {
    it('decodes while somebody else has the engine, and puts what has come when its turn is there', async () => {
        const engine = Engine.open({ threads: 1, seed: 1 });
        beginFrames(engine, dataset);
        const turns = new Turns();
        const puts: number[] = [];
        let isBusy = true;
        const busy = turns.take(async () => {
            await sleep(400);
            expect(puts).toEqual([]);
            isBusy = false;
        });
        const facts = await loadFrames(engine, dataset, turns, (done) => {
            expect(isBusy).toBe(false);
            puts.push(done);
        });
        await busy;
        expect(puts).toEqual(Array.from({ length: FRAMES }, (_, i) => i + 1));
        expect([...facts.train]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
        expect(facts.mouthPixels.some((count) => count > 0)).toBe(true);
        engine.dispose();
    });

    it('knows the openings of mouths, but trains on no frame, before the pictures have come', async () => {
        const engine = Engine.open({ threads: 1, seed: 1 });
        beginFrames(engine, dataset);
        engine.dataAudio(1, 40, new Float32Array(40 * 40), new Float32Array(40));
        engine.encoderInit();
        expect(await engine.hearingLoss(Int32Array.of(1, 2), false)).toBeGreaterThan(0);
        expect(() => engine.orderSet('face', Int32Array.of(1))).toThrow(/expected one of the 10 frames put/);
        engine.dispose();
    });
});
