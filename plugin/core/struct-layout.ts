import { PgsError } from './errors.js';

/** WGSL types that a GPU record may use: 4-byte scalars, their vectors, and the two matrices cameras need. */
export type GpuScalarOrVector =
    | 'f32'
    | 'u32'
    | 'i32'
    | 'vec2f'
    | 'vec3f'
    | 'vec4f'
    | 'vec2u'
    | 'vec3u'
    | 'vec4u'
    | 'vec2i'
    | 'vec3i'
    | 'vec4i'
    | 'mat3x3f'
    | 'mat4x4f';

/** A field: a type, or `[element type, length]` for an array whose elements are a multiple of 16 bytes. */
export type GpuFieldType = GpuScalarOrVector | readonly [element: GpuScalarOrVector, length: number];

/** Fields of a record in memory order. Property order is the order, so no name may look like an integer. */
export type GpuFields = Readonly<Record<string, GpuFieldType>>;

/** Where one field lies. Bytes from the start of the record. */
export interface GpuField {
    readonly name: string;
    readonly type: GpuScalarOrVector;
    /** Array length; 0 for a field that is not an array. */
    readonly length: number;
    readonly offset: number;
    /** Bytes of the whole field, array elements included. */
    readonly size: number;
    /** 4-byte slots the caller fills: 9 for `mat3x3f`, although it takes 12. */
    readonly values: number;
}

/** A record that TypeScript packs and WGSL reads; with {@link forC}, C and CUDA read it too. */
export interface GpuStruct<F extends GpuFields = GpuFields> {
    /** PascalCase WGSL name, e.g. `ViewParams`; C calls it `pgs_view_params`. */
    readonly name: string;
    /** Bytes, rounded up to {@link align}: the stride of an array of these. */
    readonly size: number;
    readonly align: number;
    readonly layout: readonly GpuField[];
    readonly forC: boolean;
    /** The declaration; carries the field types for {@link writeStruct}. */
    readonly fields: F;
}

/** Values by field name: a number for a scalar, else the numbers in order (matrices column by column). */
export type GpuValues<F extends GpuFields> = {
    readonly [K in keyof F]: F[K] extends 'f32' | 'u32' | 'i32' ? number : ArrayLike<number>;
};

interface TypeLayout {
    readonly align: number;
    readonly size: number;
    readonly values: number;
    readonly scalar: 'f32' | 'u32' | 'i32';
}

/** WGSL's alignment table (the specification's "Alignment and Size"), for the types above. */
function typeLayout(type: GpuScalarOrVector): TypeLayout {
    if (type === 'mat3x3f') return { align: 16, size: 48, values: 9, scalar: 'f32' };
    if (type === 'mat4x4f') return { align: 16, size: 64, values: 16, scalar: 'f32' };
    if (type === 'f32' || type === 'u32' || type === 'i32') return { align: 4, size: 4, values: 1, scalar: type };
    const lanes = Number(type[3]);
    const scalar = type.endsWith('f') ? 'f32' : type.endsWith('u') ? 'u32' : 'i32';
    return { align: lanes === 2 ? 8 : 16, size: lanes * 4, values: lanes, scalar };
}

function roundUp(value: number, multiple: number): number {
    return Math.ceil(value / multiple) * multiple;
}

/**
 * Lays a record out by WGSL's rules, so that one declaration serves uniform and storage buffers.
 *
 * Declare the fields as a constant of their own, because explicit types are required on exports:
 *
 * @example
 * export const viewParamsFields = { viewmat: 'mat4x4f', focal: 'vec2f', count: 'u32' } as const;
 * export const VIEW_PARAMS: GpuStruct<typeof viewParamsFields> = defineStruct('ViewParams', viewParamsFields);
 *
 * @param options.forC - also emit a C record with `static_assert`s on every offset. Default false.
 * @throws PgsError `OPTION_VALUE` - a field name that is not an identifier (JavaScript would reorder integers), no
 *   fields, or array elements whose stride uniform buffers refuse (not a multiple of 16 bytes).
 */
export function defineStruct<const F extends GpuFields>(
    name: string,
    fields: F,
    options: { readonly forC?: boolean } = {},
): GpuStruct<F> {
    const layout: GpuField[] = [];
    let end = 0;
    let structAlign = 4;
    for (const [field, declared] of Object.entries(fields)) {
        if (!/^[A-Za-z][A-Za-z0-9]*$/.test(field)) {
            throw new PgsError(
                'OPTION_VALUE',
                `struct ${name}: expected camelCase field names, got "${field}". Rename it.`,
            );
        }
        const [type, length] = typeof declared === 'string' ? [declared, 0] : declared;
        const element = typeLayout(type);
        if (length > 0 && element.size % 16 !== 0) {
            const cure = 'Use vec4f, vec4u or a matrix.';
            throw new PgsError(
                'OPTION_VALUE',
                `struct ${name}.${field}: expected array elements of 16 n bytes, got ${type} of ${element.size}. ${cure}`,
            );
        }
        const elements = Math.max(length, 1);
        const offset = roundUp(end, element.align);
        const size = element.size * elements;
        layout.push({ name: field, type, length, offset, size, values: element.values * elements });
        end = offset + size;
        structAlign = Math.max(structAlign, element.align);
    }
    if (layout.length === 0) throw new PgsError('OPTION_VALUE', `struct ${name}: expected fields, got none. Add one.`);
    return { name, fields, layout, size: roundUp(end, structAlign), align: structAlign, forC: options.forC ?? false };
}

/**
 * Writes one record into a buffer, little-endian as WebGPU demands. Allocates nothing.
 *
 * @param byteOffset - start of the record; a multiple of `struct.align`. Default 0.
 * @throws PgsError `OPTION_VALUE` - a missing field or an array of another length, named.
 */
export function writeStruct<F extends GpuFields>(
    view: DataView,
    struct: GpuStruct<F>,
    values: GpuValues<F>,
    byteOffset = 0,
): void {
    for (const field of struct.layout) writeField(view, struct.name, field, values[field.name], byteOffset);
}

function writeField(
    view: DataView,
    struct: string,
    field: GpuField,
    value: number | ArrayLike<number> | undefined,
    byteOffset: number,
): void {
    const { scalar } = typeLayout(field.type);
    const given = typeof value === 'number' ? 1 : (value?.length ?? 0);
    if (given !== field.values) {
        throw new PgsError(
            'OPTION_VALUE',
            `${struct}.${field.name}: expected ${field.values} values, got ${given}. Pass every slot of the record.`,
        );
    }
    for (let i = 0; i < field.values; i++) {
        const number = typeof value === 'number' ? value : (value?.[i] ?? 0);
        // A mat3x3f column is a vec3f in a 16-byte slot.
        const slot = field.type === 'mat3x3f' ? Math.floor(i / 3) * 4 + (i % 3) : i;
        const at = byteOffset + field.offset + slot * 4;
        if (scalar === 'f32') view.setFloat32(at, number, true);
        else if (scalar === 'u32') view.setUint32(at, number, true);
        else view.setInt32(at, number, true);
    }
}

/** The WGSL declaration. Offsets need no attributes: {@link defineStruct} follows WGSL's own rules. */
export function wgslStruct(struct: GpuStruct): string {
    const lines = struct.layout.map(({ name, type, length }) => {
        return `    ${name}: ${length > 0 ? `array<${type}, ${length}>` : type},`;
    });
    return [`struct ${struct.name} {`, ...lines, '}'].join('\n');
}

/** The C record: plain arrays, explicit padding, and an assert on the size and on every offset. */
export function cStruct(struct: GpuStruct): string {
    const cName = `pgs_${snakeCase(struct.name)}`;
    const members: string[] = [];
    const asserts = [`static_assert(sizeof(${cName}) == ${struct.size}, "${cName}");`];
    let end = 0;
    const padTo = (offset: number): void => {
        if (offset > end) members.push(`    uint32_t pad_${end}[${(offset - end) / 4}];`);
    };
    for (const field of struct.layout) {
        const { scalar } = typeLayout(field.type);
        const cType = { f32: 'float', u32: 'uint32_t', i32: 'int32_t' }[scalar];
        const slots = field.size / 4;
        const cField = snakeCase(field.name);
        padTo(field.offset);
        members.push(`    ${cType} ${cField}${slots > 1 ? `[${slots}]` : ''};`);
        asserts.push(`static_assert(offsetof(${cName}, ${cField}) == ${field.offset}, "${cName}.${cField}");`);
        end = field.offset + field.size;
    }
    padTo(struct.size);
    return [`typedef struct {`, ...members, `} ${cName};`, ...asserts].join('\n');
}

function snakeCase(name: string): string {
    return name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}
