import { BRANCH_NAMES, BRANCHES, tensorSize, type BranchName } from '../branches.js';
import { SPATIAL_FEAT_DIM } from '../constants.js';
import { assertFinite, assertShape, PgsError } from '../errors.js';
import { ASSET_VERSION, type FeatureCoding, type HeadAsset } from '../head-asset.js';
import { shCoefficients, validateSplatSet, type SplatSet } from '../splat-set.js';
import { decodeHead } from './decode.js';
import { MAX_SPLATS, writeGlb } from './glb.js';
import {
    BYTE,
    FLOAT,
    HEAD_EXTENSION,
    POINTS,
    SHORT,
    shAttribute,
    SPLAT_EXTENSION,
    XMP_EXTENSION,
    type BranchJson,
    type GltfAccessor,
    type GltfBufferView,
    type GltfPrimitive,
    type LayerJson,
    type TalkingHeadJson,
} from './gltf-json.js';
import { fitFeatureCoding, LOG_SCALE_MAX, storeFeatures, storeOpacity, storeQuat, storeScale } from './quantise.js';

/** Options of {@link encodeHead}. */
export interface EncodeOptions {
    /** Bits of a spatial feature where the asset has no coding yet. Default 8 (measured: < 0.1 dB on the default avatar). */
    readonly featureBits?: 8 | 16;
}

/**
 * Writes a head as one `.glb` (contracts.md §2): a still head that any reader of `KHR_gaussian_splatting` can show, and the
 * `PGS_talking_head` extension that makes it talk. Writing what was read gives the same bytes.
 *
 * @throws PgsError `ASSET_SHAPE`, `ASSET_VALUE`, `ASSET_TOO_LARGE`, `ASSET_FORMAT` - the asset contradicts itself. What is
 *   returned has been read back, so {@link decodeHead} accepts it.
 */
export function encodeHead(asset: HeadAsset, options: EncodeOptions = {}): Uint8Array {
    const binary = new BinaryBuilder();
    const primitives: GltfPrimitive[] = [];
    const branches = {} as Record<BranchName, BranchJson>;
    for (const name of BRANCH_NAMES) {
        primitives.push(writePrimitive(asset, name, binary));
        branches[name] = writeBranch(asset, name, primitives.length - 1, binary, options.featureBits ?? 8);
    }
    const head: TalkingHeadJson = {
        version: ASSET_VERSION,
        name: asset.name,
        fps: asset.fps,
        composite: 'mouth-behind-face',
        branches,
        audio: {
            frontEnd: { ...asset.audio },
            encoder: {
                bufferView: binary.view(asset.encoderOnnx),
                byteLength: asset.encoderOnnx.length,
                mimeType: 'application/onnx',
            },
        },
        expression: asset.expression,
        bounds: asset.bounds,
        view: { ...asset.view },
        facts: asset.facts,
        provenance: asset.provenance,
        consent: asset.consent,
    };
    const bin = binary.bytes();
    const bytes = writeGlb(
        {
            asset: { version: '2.0', generator: 'babylon-pgstalker' },
            extensionsUsed: [SPLAT_EXTENSION, HEAD_EXTENSION, XMP_EXTENSION],
            scene: 0,
            scenes: [{ nodes: [0] }],
            nodes: [{ name: asset.name, mesh: 0 }],
            meshes: [{ name: asset.name, primitives }],
            accessors: binary.accessors,
            bufferViews: binary.bufferViews,
            buffers: [{ byteLength: bin.length }],
            extensions: { [HEAD_EXTENSION]: head, [XMP_EXTENSION]: { packets: [xmpPacket(asset)] } },
        },
        bin,
    );
    // A file that no reader takes must not leave the trainer after hours of work.
    decodeHead(bytes);
    return bytes;
}

/** Rights and origin in the form that asset managers read. */
function xmpPacket(asset: HeadAsset): Record<string, unknown> {
    return {
        '@context': { dc: 'http://purl.org/dc/elements/1.1/', xmpRights: 'http://ns.adobe.com/xap/1.0/rights/' },
        '@id': '',
        'dc:title': asset.name,
        'dc:source': String(asset.provenance['model'] ?? asset.provenance['kind'] ?? ''),
        'xmpRights:UsageTerms': asset.consent,
    };
}

function writePrimitive(asset: HeadAsset, name: BranchName, binary: BinaryBuilder): GltfPrimitive {
    const { splats, movingCount } = asset.branches[name];
    validateSplatSet(`${name} branch`, splats);
    if (splats.count > MAX_SPLATS) {
        throw new PgsError(
            'ASSET_TOO_LARGE',
            `${name} branch: expected at most ${MAX_SPLATS} splats, got ${splats.count}. Train with a smaller --max-splats.`,
        );
    }
    if (!(movingCount >= 0 && movingCount <= splats.count)) {
        throw new PgsError(
            'ASSET_SHAPE',
            `${name} movingCount: expected 0..${splats.count}, got ${movingCount}. Export the head again.`,
        );
    }
    const n = splats.count;
    const quats = packQuats(name, splats);
    const hugeScale = splats.logScales.findIndex((logScale) => logScale > LOG_SCALE_MAX);
    if (hugeScale >= 0) {
        throw new PgsError(
            'ASSET_VALUE',
            `${name} logScales[${hugeScale}]: expected at most ${LOG_SCALE_MAX}, got ${splats.logScales[hugeScale]}. Prune splats of that size before exporting.`,
        );
    }
    const attributes: Record<string, number> = {
        POSITION: binary.accessor(splats.means, FLOAT, 'VEC3', n, extremes(splats.means)),
        [`${SPLAT_EXTENSION}:ROTATION`]: binary.accessor(quats, SHORT, 'VEC4', n, { normalized: true }),
        [`${SPLAT_EXTENSION}:SCALE`]: binary.accessor(splats.logScales.map(storeScale), FLOAT, 'VEC3', n),
        [`${SPLAT_EXTENSION}:OPACITY`]: binary.accessor(splats.logitOpacities.map(storeOpacity), FLOAT, 'SCALAR', n),
    };
    const k = shCoefficients(splats.shDegree);
    for (let coefficient = 0; coefficient < k; coefficient++) {
        const values = new Float32Array(n * 3);
        for (let i = 0; i < n; i++)
            for (let c = 0; c < 3; c++) values[i * 3 + c] = splats.sh[(i * k + coefficient) * 3 + c] as number;
        attributes[shAttribute(coefficient)] = binary.accessor(values, FLOAT, 'VEC3', n);
    }
    return {
        attributes,
        mode: POINTS,
        extensions: {
            KHR_gaussian_splatting: {
                kernel: 'ellipse',
                colorSpace: 'srgb_rec709_display',
                projection: 'perspective',
                sortingMethod: 'cameraDistance',
            },
        },
    };
}

function packQuats(name: BranchName, { count, quats }: SplatSet): Int16Array {
    const packed = new Int16Array(count * 4);
    for (let i = 0; i < count; i++) {
        if (storeQuat(quats, i * 4, packed, i * 4)) continue;
        throw new PgsError(
            'ASSET_VALUE',
            `${name} quats[${i}]: expected a rotation, got 0, 0, 0, 0. Normalise quaternions before exporting.`,
        );
    }
    return packed;
}

function writeBranch(
    asset: HeadAsset,
    name: BranchName,
    primitive: number,
    binary: BinaryBuilder,
    bits: 8 | 16,
): BranchJson {
    const branch = asset.branches[name];
    const cure = 'Export the head again.';
    assertShape('ASSET_SHAPE', `${name} spatialFeat`, branch.spatialFeat, branch.movingCount, SPATIAL_FEAT_DIM, cure);
    assertFinite('ASSET_VALUE', `${name} spatialFeat`, branch.spatialFeat, cure);
    const coding = branch.featureCoding ?? fitFeatureCoding(branch.spatialFeat, SPATIAL_FEAT_DIM, bits);
    assertCoding(name, coding);
    const features = storeFeatures(branch.spatialFeat, coding);
    const specs = BRANCHES[name].layers(asset.expression.names.length);
    const tensors: LayerJson[] = [];
    const values = new Float32Array(specs.reduce((sum, spec) => sum + tensorSize(spec), 0));
    let offset = 0;
    for (const spec of specs) {
        const layer = branch.layers[spec.name];
        if (layer === undefined)
            throw new PgsError('ASSET_SHAPE', `${name} layers: expected "${spec.name}", got none. ${cure}`);
        assertShape('ASSET_SHAPE', `${name} ${spec.name}`, layer, 1, tensorSize(spec), cure);
        assertFinite('ASSET_VALUE', `${name} ${spec.name}`, layer, cure);
        values.set(layer, offset);
        tensors.push({ name: spec.name, shape: spec.shape, offset });
        offset += layer.length;
    }
    return {
        mesh: 0,
        primitive,
        movingCount: branch.movingCount,
        features: {
            accessor: binary.accessor(features, coding.bits === 8 ? BYTE : SHORT, 'SCALAR', features.length),
            scale: coding.scale,
            offset: coding.offset,
        },
        layers: { accessor: binary.accessor(values, FLOAT, 'SCALAR', values.length), tensors },
    };
}

function assertCoding(name: BranchName, { scale, offset }: FeatureCoding): void {
    const cure = 'Leave featureCoding out to have one fitted.';
    assertShape('ASSET_SHAPE', `${name} featureCoding.scale`, scale, 1, SPATIAL_FEAT_DIM, cure);
    assertShape('ASSET_SHAPE', `${name} featureCoding.offset`, offset, 1, SPATIAL_FEAT_DIM, cure);
    const bad = scale.findIndex((step) => !(step > 0));
    if (bad >= 0) {
        throw new PgsError(
            'ASSET_VALUE',
            `${name} featureCoding.scale[${bad}]: expected a step above 0, got ${scale[bad]}. ${cure}`,
        );
    }
}

function extremes(points: Float32Array): { min: number[]; max: number[] } {
    const min = [Infinity, Infinity, Infinity];
    const max = [-Infinity, -Infinity, -Infinity];
    for (let i = 0; i < points.length; i++) {
        const c = i % 3;
        min[c] = Math.min(min[c] as number, points[i] as number);
        max[c] = Math.max(max[c] as number, points[i] as number);
    }
    return points.length > 0 ? { min, max } : { min: [0, 0, 0], max: [0, 0, 0] };
}

/** Grows the binary part: every array gets its own 4-byte aligned view. */
class BinaryBuilder {
    public readonly accessors: GltfAccessor[] = [];
    public readonly bufferViews: GltfBufferView[] = [];
    readonly #parts: Uint8Array[] = [];
    #length = 0;

    public view(data: Uint8Array): number {
        this.bufferViews.push({ buffer: 0, byteOffset: this.#length, byteLength: data.byteLength });
        this.#parts.push(data);
        this.#length += (data.byteLength + 3) & ~3;
        return this.bufferViews.length - 1;
    }

    public accessor(
        data: Float32Array | Int16Array | Int8Array,
        componentType: number,
        type: string,
        count: number,
        more: { min?: number[]; max?: number[]; normalized?: boolean } = {},
    ): number {
        const bufferView = this.view(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
        this.accessors.push({ bufferView, componentType, count, type, ...more });
        return this.accessors.length - 1;
    }

    public bytes(): Uint8Array {
        const out = new Uint8Array(this.#length);
        this.#parts.forEach((part, i) => out.set(part, (this.bufferViews[i] as GltfBufferView).byteOffset));
        return out;
    }
}
