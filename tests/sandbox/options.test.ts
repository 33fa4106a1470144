import { describe, expect, it } from 'vitest';
import { readOptions } from '../../sandbox/options.js';

describe('the address of the sandbox', () => {
    it('lets a bare address run, lively, with the default head and sound', () => {
        expect(readOptions('')).toMatchObject({
            avatar: 'avatars/ava.glb',
            audio: 'audio/hello.wav',
            frozenTime: null,
            hasUi: true,
            isLively: true,
            scale: null,
        });
    });

    it.each([
        ['?lively=0', false],
        ['?lively=1', true],
        ['?t=1.3', false],
        ['?t=1.3&lively=1', false],
    ])('%s makes isLively %s: what stands still does not live', (search, isLively) => {
        expect(readOptions(search).isLively).toBe(isLively);
    });

    it('falls back to defaults for what is no number, and keeps numbers in their range', () => {
        expect(readOptions('?t=soon&yaw=&distance=near&scale=many')).toMatchObject({
            frozenTime: null,
            yaw: 0,
            distance: 1.05,
            scale: null,
        });
        expect(readOptions('?t=-3&scale=99')).toMatchObject({ frozenTime: 0, scale: 8 });
    });
});
