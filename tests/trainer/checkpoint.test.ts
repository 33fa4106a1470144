import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { nodeFiles, writeFileAtomic, type FileOperations } from '../../tools/trainer-node/src/io/atomic.js';
import { averageCheckpoints, type NamedCheckpoint } from '../../tools/trainer-node/src/io/average.js';
import { listCheckpoints, readNewestCheckpoint, saveCheckpoint } from '../../tools/trainer-node/src/io/checkpoint.js';
import { decodeSafeTensors, encodeSafeTensors } from '../../tools/trainer-node/src/io/safetensors.js';
import type { Engine } from '../../tools/trainer-node/src/native/engine.js';
import { presetConfig } from '../../tools/trainer-node/src/presets.js';

const root = mkdtempSync(join(tmpdir(), 'pgs-checkpoint-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const fresh = (): string => mkdtempSync(join(root, 'case-'));
const config = presetConfig('tiny');

/** A disk that takes `room` bytes and then is full. */
function fullDisk(room: number): FileOperations {
    const files = nodeFiles();
    let left = room;
    return {
        ...files,
        write: (handle, bytes, offset, length) => {
            if (left === 0)
                throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
            const taken = Math.min(left, length);
            left -= taken;
            return files.write(handle, bytes, offset, taken);
        },
    };
}

/** Just enough of an engine to be saved. */
function engineWith(value: number): Engine {
    return {
        tensorNames: () => ['face.means', 'step.face'],
        tensorGet: (name: string) =>
            name === 'step.face' ? new Float32Array([value]) : new Float32Array(300).fill(value),
        splatsCount: (branch: string) => (branch === 'face' ? 100 : 0),
    } as unknown as Engine;
}

describe('safetensors', () => {
    it('give back names, values and metadata, in both precisions', () => {
        const tensors = new Map<string, Float32Array | Float64Array>([
            ['a', new Float32Array([1, -2.5, 3])],
            ['b', new Float64Array([Math.PI, Number.MIN_VALUE])],
            ['empty', new Float32Array(0)],
        ]);
        // From a Buffer, as files are read: its slice() is a view, which once made every tensor the same.
        const file = Buffer.concat(encodeSafeTensors(tensors, { iteration: '7' }));
        const read = decodeSafeTensors('test', file);
        expect(read.metadata).toEqual({ iteration: '7' });
        expect([...read.tensors]).toEqual([...tensors]);
    });

    it.each([
        ['an empty file', Buffer.alloc(0)],
        ['a header longer than the file', Buffer.from([255, 255, 255, 0, 0, 0, 0, 0, 1])],
        ['an absurd header length', Buffer.alloc(16, 255)],
        ['a header that is no JSON', Buffer.concat([Buffer.from([4, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{{{{')])],
    ])('are refused for %s', (_name, bytes) => {
        expect(() => decodeSafeTensors('test', bytes)).toThrowError(
            expect.objectContaining({ code: 'CHECKPOINT_FORMAT' }) as Error,
        );
    });

    it('are refused when the data is cut off', () => {
        const file = Buffer.concat(encodeSafeTensors(new Map([['a', new Float32Array(100)]]), {}));
        expect(() => decodeSafeTensors('test', file.subarray(0, file.length - 4))).toThrow(
            /a of 100 values within the file/,
        );
    });
});

describe('an atomic write', () => {
    it('leaves the old file and no rest when the disk fills up', () => {
        const path = join(fresh(), 'file');
        writeFileAtomic(path, [Buffer.from('old')]);
        expect(() => writeFileAtomic(path, [Buffer.alloc(1000)], fullDisk(500))).toThrowError(
            expect.objectContaining({ code: 'CHECKPOINT_WRITE' }) as Error,
        );
        expect(readFileSync(path, 'utf8')).toBe('old');
        expect(readdirSync(join(path, '..'))).toEqual(['file']);
    });

    it('names the file, the reason and the cure', () => {
        expect(() => writeFileAtomic('/nowhere/at/all', [Buffer.from('x')])).toThrow(
            /\/nowhere\/at\/all: expected to write.*ENOENT.*Free some space/,
        );
    });
});

describe('averaged checkpoints', () => {
    const checkpoint = (path: string, mean: number, moment: number, count = 3): NamedCheckpoint => ({
        path,
        metadata: { iteration: path },
        tensors: new Map([
            ['face.means', new Float32Array(count).fill(mean)],
            ['face.means.adam1', new Float32Array(count).fill(moment)],
            ['step.face', new Float32Array([moment])],
        ]),
    });

    it('hold the mean of the parameters, and the optimiser state and iteration of the first', () => {
        const mean = averageCheckpoints(checkpoint('a', 1, 7), [checkpoint('b', 2, 8), checkpoint('c', 6, 9)]);
        expect(mean.tensors.get('face.means')).toEqual(new Float32Array(3).fill(3));
        expect(mean.tensors.get('face.means.adam1')).toEqual(new Float32Array(3).fill(7));
        expect(mean.tensors.get('step.face')).toEqual(new Float32Array([7]));
        expect(mean.metadata).toEqual({ iteration: 'a' });
    });

    it('are refused when the runs do not have the same splats', () => {
        expect(() => averageCheckpoints(checkpoint('a', 1, 7), [checkpoint('b', 2, 8, 4)])).toThrow(
            /b: expected 3 values of face\.means, got 4/,
        );
    });
});

describe('checkpoints', () => {
    it('keep the newest two', () => {
        const folder = fresh();
        for (const iteration of [100, 200, 300]) saveCheckpoint(folder, engineWith(iteration), config, iteration);
        expect(listCheckpoints(folder).map((path) => path.slice(-19))).toEqual([
            '0000300.safetensors',
            '0000200.safetensors',
        ]);
    });

    it('survive a full disk: the last good one stays and is what a resume reads', () => {
        const folder = fresh();
        saveCheckpoint(folder, engineWith(100), config, 100);
        expect(() => saveCheckpoint(folder, engineWith(200), config, 200, fullDisk(64))).toThrow(/ENOSPC/);
        expect(readdirSync(folder)).toEqual(['0000100.safetensors']);
        expect(readNewestCheckpoint(folder).metadata['iteration']).toBe('100');
        expect(readNewestCheckpoint(folder).tensors.get('face.means')?.[299]).toBe(100);
    });

    it('pass over a damaged newest one', () => {
        const folder = fresh();
        saveCheckpoint(folder, engineWith(100), config, 100);
        writeFileSync(join(folder, '0000200.safetensors'), 'half a fil');
        expect(readNewestCheckpoint(folder).metadata['iteration']).toBe('100');
    });

    it('say so when there is none', () => {
        expect(() => readNewestCheckpoint(fresh())).toThrowError(
            expect.objectContaining({ code: 'CHECKPOINT_FORMAT' }) as Error,
        );
    });
});
