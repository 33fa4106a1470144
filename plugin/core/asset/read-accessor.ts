import { MAX_SPLATS } from './glb.js';
import { BYTE, FLOAT, SHORT } from './gltf-json.js';
import type { JsonReader } from './faults.js';
import { SPATIAL_FEAT_DIM } from '../constants.js';

const WIDTHS: Readonly<Record<string, number>> = { SCALAR: 1, VEC3: 3, VEC4: 4 };
const BYTES: Readonly<Record<number, number>> = { [BYTE]: 1, [SHORT]: 2, [FLOAT]: 4 };

/** What a caller needs of an accessor. */
export interface AccessorNeed {
    readonly type: 'SCALAR' | 'VEC3' | 'VEC4';
    readonly componentTypes: readonly number[];
    /** Elements, or undefined where the accessor itself says how many. */
    readonly count?: number | undefined;
}

/** The values of an accessor as stored: floats, or whole numbers of a quantised accessor. */
export interface AccessorData {
    readonly values: Float32Array;
    readonly count: number;
    readonly componentType: number;
}

/** Accessors and buffer views of a document over its binary part; every index, range and count is checked before it is used. */
export class AccessorReader {
    readonly #json: JsonReader;
    readonly #accessors: unknown;
    readonly #views: unknown;
    readonly #bin: Uint8Array;

    public constructor(json: JsonReader, document: Readonly<Record<string, unknown>>, bin: Uint8Array) {
        this.#json = json;
        this.#accessors = document['accessors'];
        this.#views = document['bufferViews'];
        this.#bin = bin;
    }

    /** The bytes of a buffer view. */
    public view(index: unknown, pointer: string): Uint8Array | undefined {
        const json = this.#json;
        const views = json.array(this.#views, '/bufferViews');
        const at = json.integer(index, pointer, 0, (views?.length ?? 0) - 1);
        if (views === undefined || at === undefined) return undefined;
        const here = `/bufferViews/${at}`;
        const view = json.object(views[at], here);
        if (view === undefined) return undefined;
        const length = json.integer(view['byteLength'], `${here}/byteLength`, 0, this.#bin.length);
        const offset = json.integer(view['byteOffset'] ?? 0, `${here}/byteOffset`, 0, this.#bin.length);
        if (length === undefined || offset === undefined) return undefined;
        if (view['buffer'] !== 0)
            return json.fault('ASSET_FORMAT', `${here}/buffer`, 'expected buffer 0, the file itself.');
        if (view['byteStride'] !== undefined)
            return json.fault('ASSET_FORMAT', `${here}/byteStride`, 'expected tightly packed data.');
        if (offset + length > this.#bin.length) {
            return json.fault(
                'ASSET_FORMAT',
                here,
                `expected ${length} bytes from ${offset} inside the ${this.#bin.length} bytes of the file's data.`,
            );
        }
        return this.#bin.subarray(offset, offset + length);
    }

    /** Reads an accessor of which `need` is known. */
    public read(index: unknown, pointer: string, need: AccessorNeed): AccessorData | undefined {
        const json = this.#json;
        const accessors = json.array(this.#accessors, '/accessors');
        const at = json.integer(index, pointer, 0, (accessors?.length ?? 0) - 1);
        if (accessors === undefined || at === undefined) return undefined;
        const here = `/accessors/${at}`;
        const accessor = json.object(accessors[at], here);
        if (accessor === undefined) return undefined;
        if (accessor['type'] !== need.type)
            return json.fault('ASSET_SHAPE', `${here}/type`, `expected ${need.type}, got ${String(accessor['type'])}.`);
        const componentType = accessor['componentType'] as number;
        if (!need.componentTypes.includes(componentType)) {
            return json.fault(
                'ASSET_SHAPE',
                `${here}/componentType`,
                `expected ${need.componentTypes.join(' or ')}, got ${String(componentType)}.`,
            );
        }
        // The cap bounds what is allocated below, whatever the file claims.
        const count = json.integer(accessor['count'], `${here}/count`, 0, MAX_SPLATS * SPATIAL_FEAT_DIM);
        const bytes = this.view(accessor['bufferView'], `${here}/bufferView`);
        if (count === undefined || bytes === undefined) return undefined;
        if (need.count !== undefined && count !== need.count) {
            return json.fault('ASSET_SHAPE', `${here}/count`, `expected ${need.count}, got ${count}.`);
        }
        const size = BYTES[componentType] as number;
        const offset = json.integer(accessor['byteOffset'] ?? 0, `${here}/byteOffset`, 0, bytes.length);
        const total = count * (WIDTHS[need.type] as number);
        if (offset === undefined) return undefined;
        if (offset % size !== 0)
            return json.fault('ASSET_FORMAT', `${here}/byteOffset`, `expected a multiple of ${size}, got ${offset}.`);
        if (offset + total * size > bytes.length) {
            return json.fault(
                'ASSET_SHAPE',
                here,
                `expected ${total * size} bytes from ${offset}, got a view of ${bytes.length}.`,
            );
        }
        const view = new DataView(bytes.buffer, bytes.byteOffset + offset, total * size);
        const values = new Float32Array(total);
        for (let i = 0; i < total; i++) {
            values[i] =
                size === 4 ? view.getFloat32(i * 4, true) : size === 2 ? view.getInt16(i * 2, true) : view.getInt8(i);
            if (!Number.isFinite(values[i]))
                return json.fault('ASSET_VALUE', here, `expected finite numbers, got ${values[i]} at ${i}.`);
        }
        return { values, count, componentType };
    }
}
