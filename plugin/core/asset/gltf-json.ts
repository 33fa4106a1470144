/** The parts of a glTF document that a head uses. What a file really holds is checked by the reader, not by these types. */
export interface GltfDocument {
    readonly accessors: readonly GltfAccessor[];
    readonly bufferViews: readonly GltfBufferView[];
    readonly meshes: readonly { readonly primitives: readonly GltfPrimitive[] }[];
    readonly extensions: { readonly PGS_talking_head: TalkingHeadJson };
}

export interface GltfAccessor {
    readonly bufferView: number;
    readonly byteOffset?: number;
    readonly componentType: number;
    readonly normalized?: boolean;
    readonly count: number;
    readonly type: string;
    readonly min?: readonly number[];
    readonly max?: readonly number[];
}

export interface GltfBufferView {
    readonly buffer: number;
    readonly byteOffset: number;
    readonly byteLength: number;
    readonly byteStride?: number;
}

export interface GltfPrimitive {
    readonly attributes: Readonly<Record<string, number>>;
    readonly mode: number;
    readonly extensions: { readonly KHR_gaussian_splatting: Readonly<Record<string, string>> };
}

/** Names of the extensions that a head uses. */
export const SPLAT_EXTENSION = 'KHR_gaussian_splatting';
export const HEAD_EXTENSION = 'PGS_talking_head';
export const XMP_EXTENSION = 'KHR_xmp_json_ld';

/** glTF component types. */
export const BYTE = 5120;
export const SHORT = 5122;
export const FLOAT = 5126;
/** glTF primitive mode POINTS. */
export const POINTS = 0;

/** Where the layers of a branch lie in its layers accessor. */
export interface LayerJson {
    readonly name: string;
    readonly shape: readonly number[];
    /** First value inside the accessor. */
    readonly offset: number;
}

/** One branch inside the extension. */
export interface BranchJson {
    readonly mesh: number;
    readonly primitive: number;
    readonly movingCount: number;
    /** f_s of the moving splats: value = offset[c] + scale[c] * stored, c = index % 36. */
    readonly features: {
        readonly accessor: number;
        readonly scale: readonly number[];
        readonly offset: readonly number[];
    };
    readonly layers: { readonly accessor: number; readonly tensors: readonly LayerJson[] };
}

/** The `PGS_talking_head` object at the document's root. */
export interface TalkingHeadJson {
    readonly version: number;
    readonly name: string;
    readonly fps: number;
    /** Eq. 10. */
    readonly composite: 'mouth-behind-face';
    readonly branches: { readonly face: BranchJson; readonly mouth: BranchJson };
    readonly audio: {
        readonly frontEnd: Readonly<Record<string, unknown>>;
        readonly encoder: {
            readonly bufferView: number;
            readonly byteLength: number;
            readonly mimeType: 'application/onnx';
        };
    };
    readonly expression: {
        readonly names: readonly string[];
        readonly neutral: readonly number[];
        readonly ranges: readonly (readonly [number, number])[];
    };
    readonly bounds: { readonly min: readonly number[]; readonly max: readonly number[] };
    readonly view: Readonly<Record<string, unknown>>;
    readonly facts: Readonly<Record<string, unknown>>;
    readonly provenance: Readonly<Record<string, unknown>>;
    readonly consent: string;
}

/** Attribute name of a spherical-harmonics coefficient, by its index in the DC-first order. */
export function shAttribute(k: number): string {
    const degree = Math.floor(Math.sqrt(k));
    return `${SPLAT_EXTENSION}:SH_DEGREE_${degree}_COEF_${k - degree * degree}`;
}
