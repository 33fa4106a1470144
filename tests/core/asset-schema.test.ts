import { describe, expect, it } from 'vitest';
import {
    ASSET_VERSION,
    BRANCHES,
    encodeHead,
    MAX_SPLATS,
    MEL_BANDS,
    SPATIAL_FEAT_DIM,
} from '../../plugin/core/index.js';
import { readGlb } from '../../plugin/core/asset/glb.js';
import { schemaFaults, type Schema } from '../helpers/json-schema.js';
import { makeHead } from '../helpers/make-head.js';
import { readText } from '../helpers/sources.js';

const schema = JSON.parse(readText('plugin/core/asset/pgs-talking-head.schema.json')) as Schema;

function writtenHead(): Record<string, unknown> {
    const { json } = readGlb(encodeHead(makeHead({ faceCount: 12, mouthCount: 5, seed: 3 })));
    return (json as { extensions: { PGS_talking_head: Record<string, unknown> } }).extensions.PGS_talking_head;
}

/** A value inside nested JSON. */
function at(value: unknown, ...keys: readonly string[]): unknown {
    return keys.reduce((inner, key) => (inner as Record<string, unknown>)[key], value);
}

describe('the schema of PGS_talking_head', () => {
    it('accepts what the encoder writes', () => {
        expect(schemaFaults(schema, writtenHead())).toEqual([]);
    });

    it('refuses a missing, an unknown and a mistyped field by pointer', () => {
        const { consent: _, ...rest } = writtenHead();
        expect(schemaFaults(schema, { ...rest, fps: 'fast', mood: 1 })).toEqual([
            '/fps: expected number, got "fast"',
            '/: expected "consent"',
            '/: unexpected "mood"',
        ]);
    });

    it('repeats the numbers of the code', () => {
        expect(at(schema, 'properties', 'version', 'const')).toBe(ASSET_VERSION);
        expect(at(schema, '$defs', 'branch', 'properties', 'movingCount', 'maximum')).toBe(MAX_SPLATS);
        expect(at(schema, '$defs', 'channels', 'minItems')).toBe(SPATIAL_FEAT_DIM);
        expect(at(schema, '$defs', 'steps', 'minItems')).toBe(SPATIAL_FEAT_DIM);
        expect(at(schema, '$defs', 'bands', 'minItems')).toBe(MEL_BANDS);
        const tensors = at(schema, '$defs', 'branch', 'properties', 'layers', 'properties', 'tensors', 'minItems');
        for (const { layers } of Object.values(BRANCHES)) expect(layers(6).length).toBe(tensors);
    });
});
