import { describe, expect, it } from 'vitest';
import { cStruct, defineStruct, GPU_STRUCTS, wgslStruct, writeStruct } from '../../plugin/core/index.js';

const sample = defineStruct(
    'SampleParams',
    { time: 'f32', centre: 'vec3f', count: 'u32', size: 'vec2u', turn: 'mat3x3f', weights: ['vec4f', 2], last: 'i32' },
    { forC: true },
);

describe('defineStruct', () => {
    it("follows WGSL's alignment rules", () => {
        const offsets = Object.fromEntries(sample.layout.map(({ name, offset }) => [name, offset]));
        // vec3f is aligned to 16 but 12 long, so `count` fills its fourth slot.
        expect(offsets).toEqual({ time: 0, centre: 16, count: 28, size: 32, turn: 48, weights: 96, last: 128 });
        expect([sample.size, sample.align]).toEqual([144, 16]);
    });

    it('refuses arrays whose stride uniform buffers forbid, odd names and empty records', () => {
        expect(() => defineStruct('A', { x: ['f32', 4] })).toThrow(
            /struct A\.x: expected array elements of 16 n bytes, got f32/,
        );
        expect(() => defineStruct('A', { '0': 'f32' })).toThrow(/expected camelCase field names, got "0"/);
        expect(() => defineStruct('A', {})).toThrow(/expected fields, got none/);
    });
});

describe('writeStruct', () => {
    it('writes every slot where the layout says, little-endian', () => {
        const view = new DataView(new ArrayBuffer(sample.size + 16));
        const turn = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        const weights = [1, 2, 3, 4, 5, 6, 7, 8];
        const values = { time: 0.5, centre: [1, 2, 3], count: 7, size: [640, 480], turn, weights, last: -2 };
        writeStruct(view, sample, values, 16);
        const floats = (at: number, n: number): number[] =>
            Array.from({ length: n }, (_, i) => view.getFloat32(16 + at + i * 4, true));
        expect(floats(0, 1)).toEqual([0.5]);
        expect(floats(16, 3)).toEqual([1, 2, 3]);
        expect(view.getUint32(16 + 28, true)).toBe(7);
        expect([view.getUint32(16 + 32, true), view.getUint32(16 + 36, true)]).toEqual([640, 480]);
        expect(floats(48, 12)).toEqual([1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0]);
        expect(floats(96, 8)).toEqual(weights);
        expect(view.getInt32(16 + 128, true)).toBe(-2);
    });

    it('names the field whose length is wrong', () => {
        const view = new DataView(new ArrayBuffer(16));
        const struct = defineStruct('A', { size: 'vec2f' });
        expect(() => writeStruct(view, struct, { size: [1] })).toThrow(/A\.size: expected 2 values, got 1/);
    });
});

describe('emitted records', () => {
    it('are the same record in WGSL and in C', () => {
        expect(wgslStruct(sample)).toBe(
            [
                'struct SampleParams {',
                '    time: f32,',
                '    centre: vec3f,',
                '    count: u32,',
                '    size: vec2u,',
                '    turn: mat3x3f,',
                '    weights: array<vec4f, 2>,',
                '    last: i32,',
                '}',
            ].join('\n'),
        );
        const c = cStruct(sample);
        expect(c).toContain('    float time;\n    uint32_t pad_4[3];\n    float centre[3];\n    uint32_t count;');
        expect(c).toContain('static_assert(sizeof(pgs_sample_params) == 144, "pgs_sample_params");');
        expect(c).toContain('static_assert(offsetof(pgs_sample_params, last) == 128, "pgs_sample_params.last");');
    });

    it('have names of their own', () => {
        const names = GPU_STRUCTS.map(({ name }) => name);
        expect(new Set(names).size).toBe(names.length);
    });
});
