import { BRANCH_NAMES, BRANCHES, tensorSize, type BranchName } from '../branches.js';
import { SPATIAL_FEAT_DIM } from '../constants.js';
import { ASSET_VERSION, type AudioFrontEnd, type BranchAsset, type HeadAsset, type ViewPrior } from '../head-asset.js';
import { shCoefficients, type SplatSet } from '../splat-set.js';
import { CollectingSink, JsonReader, StrictSink, type AssetFault } from './faults.js';
import { MAX_SPLATS, readGlb } from './glb.js';
import { BYTE, FLOAT, HEAD_EXTENSION, POINTS, SHORT, shAttribute, SPLAT_EXTENSION } from './gltf-json.js';
import { AccessorReader } from './read-accessor.js';
import { QUAT_UNIT, readOpacity, readScale } from './quantise.js';
import { readAudio, readBounds, readExpression, readView } from './read-parts.js';
import { PgsError } from '../errors.js';

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads a head from a `.glb`.
 *
 * @throws PgsError `ASSET_FORMAT`, `ASSET_VERSION`, `ASSET_SHAPE`, `ASSET_VALUE`, `ASSET_TOO_LARGE` - at the first fault, with
 *   its JSON pointer. Sizes are capped before anything is allocated.
 */
export function decodeHead(bytes: Uint8Array | ArrayBuffer): HeadAsset {
    const { json, bin } = readGlb(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes));
    return decodeHeadDocument(json, bin);
}

/** Reads a head from a parsed glTF document and its binary part, as a scene loader has them. Throws as {@link decodeHead}. */
export function decodeHeadDocument(document: unknown, bin: Uint8Array): HeadAsset {
    const head = readHead(document, bin, new JsonReader(new StrictSink()));
    if (head === undefined)
        throw new PgsError(
            'ASSET_FORMAT',
            'document: expected a talking head, got something unreadable. Export the head again.',
        );
    return head;
}

/** Every fault of a `.glb`; empty for a good one. */
export function validateHead(bytes: Uint8Array): readonly AssetFault[] {
    const sink = new CollectingSink();
    try {
        const { json, bin } = readGlb(bytes);
        readHead(json, bin, new JsonReader(sink));
    } catch (error) {
        if (!(error instanceof PgsError)) throw error;
        sink.report({ code: error.code, pointer: 'file', message: error.message });
    }
    return sink.faults;
}

/** True when a glTF document carries the talking-head extension, of whatever version. */
export function isHeadDocument(document: unknown): boolean {
    const extensions = (document as { extensions?: JsonObject } | null)?.extensions;
    return typeof extensions === 'object' && extensions !== null && HEAD_EXTENSION in extensions;
}

function readHead(document: unknown, bin: Uint8Array, json: JsonReader): HeadAsset | undefined {
    const root = json.object(document, '');
    const extensions = root && json.object(root['extensions'], '/extensions');
    const at = `/extensions/${HEAD_EXTENSION}`;
    const head = extensions && json.object(extensions[HEAD_EXTENSION], at);
    if (root === undefined || head === undefined) return undefined;
    if (head['version'] !== ASSET_VERSION) {
        return json.fault(
            'ASSET_VERSION',
            `${at}/version`,
            `expected ${ASSET_VERSION}, got ${String(head['version'])}: made by another version of the trainer.`,
        );
    }
    const accessors = new AccessorReader(json, root, bin);
    if (head['composite'] !== 'mouth-behind-face')
        json.fault(
            'ASSET_FORMAT',
            `${at}/composite`,
            `expected "mouth-behind-face", got ${String(head['composite'])}.`,
        );
    const expression = readExpression(json, head['expression'], `${at}/expression`);
    const numExpressions = expression?.names.length;
    const branchesJson = json.object(head['branches'], `${at}/branches`);
    const branches: Partial<Record<BranchName, BranchAsset>> = {};
    for (const name of BRANCH_NAMES) {
        const branch = branchesJson && readBranch(json, accessors, root, branchesJson, name, numExpressions);
        if (branch !== undefined) branches[name] = branch;
    }
    const audio = readAudio(json, accessors, head['audio'], `${at}/audio`);
    const bounds = readBounds(json, head['bounds'], `${at}/bounds`);
    const view = readView(json, head['view'], `${at}/view`);
    const name = json.text(head['name'], `${at}/name`);
    const fps = json.number(head['fps'], `${at}/fps`);
    if (fps !== undefined && !(fps > 0 && fps <= 240))
        json.fault('ASSET_VALUE', `${at}/fps`, `expected 1..240, got ${fps}.`);
    const facts = json.object(head['facts'], `${at}/facts`);
    const provenance = json.object(head['provenance'], `${at}/provenance`);
    const consent = json.text(head['consent'], `${at}/consent`);
    const { face, mouth } = branches;
    if (!face || !mouth || !audio || !expression || !bounds || !view || !facts || !provenance) return undefined;
    if (name === undefined || fps === undefined || consent === undefined) return undefined;
    const { frontEnd, encoderOnnx } = audio as { frontEnd: AudioFrontEnd; encoderOnnx: Uint8Array };
    return {
        version: ASSET_VERSION,
        name,
        fps,
        branches: { face, mouth },
        audio: frontEnd,
        encoderOnnx,
        expression,
        bounds,
        view: view as ViewPrior,
        facts,
        provenance,
        consent,
    };
}

function readBranch(
    json: JsonReader,
    accessors: AccessorReader,
    root: JsonObject,
    branchesJson: JsonObject,
    name: BranchName,
    numExpressions: number | undefined,
): BranchAsset | undefined {
    const at = `/extensions/${HEAD_EXTENSION}/branches/${name}`;
    const branch = json.object(branchesJson[name], at);
    const meshes = json.array(root['meshes'], '/meshes');
    const meshAt = branch && json.integer(branch['mesh'], `${at}/mesh`, 0, (meshes?.length ?? 0) - 1);
    const mesh = meshAt === undefined ? undefined : json.object(meshes?.[meshAt], `/meshes/${meshAt}`);
    const primitives = mesh && json.array(mesh['primitives'], `/meshes/${meshAt}/primitives`);
    const primitiveAt =
        branch && json.integer(branch['primitive'], `${at}/primitive`, 0, (primitives?.length ?? 0) - 1);
    if (branch === undefined || primitives === undefined || primitiveAt === undefined) return undefined;
    const here = `/meshes/${meshAt}/primitives/${primitiveAt}`;
    const splats = readSplats(json, accessors, primitives[primitiveAt], here);
    if (splats === undefined) return undefined;
    const movingCount = json.integer(branch['movingCount'], `${at}/movingCount`, 0, splats.count);
    if (movingCount === undefined) return undefined;
    const features = readFeatures(json, accessors, branch['features'], `${at}/features`, movingCount);
    const layers =
        numExpressions === undefined
            ? undefined
            : readLayers(json, accessors, branch['layers'], `${at}/layers`, name, numExpressions);
    if (features === undefined || layers === undefined) return undefined;
    return { splats, movingCount, ...features, layers };
}

function readSplats(json: JsonReader, accessors: AccessorReader, value: unknown, at: string): SplatSet | undefined {
    const primitive = json.object(value, at);
    const attributes = primitive && json.object(primitive['attributes'], `${at}/attributes`);
    if (primitive === undefined || attributes === undefined) return undefined;
    if (primitive['mode'] !== POINTS)
        json.fault('ASSET_FORMAT', `${at}/mode`, `expected 0 (POINTS), got ${String(primitive['mode'])}.`);
    const key = (name: string): string => `${at}/attributes/${name.replaceAll('/', '~1')}`;
    const read = (
        name: string,
        type: 'SCALAR' | 'VEC3' | 'VEC4',
        componentTypes: readonly number[],
        count?: number,
    ): Float32Array | undefined => accessors.read(attributes[name], key(name), { type, componentTypes, count })?.values;
    const means = read('POSITION', 'VEC3', [FLOAT]);
    if (means === undefined) return undefined;
    const count = means.length / 3;
    if (count > MAX_SPLATS)
        return json.fault('ASSET_TOO_LARGE', key('POSITION'), `expected at most ${MAX_SPLATS} splats, got ${count}.`);
    const rotation = accessors.read(attributes[`${SPLAT_EXTENSION}:ROTATION`], key(`${SPLAT_EXTENSION}:ROTATION`), {
        type: 'VEC4',
        componentTypes: [FLOAT, SHORT],
        count,
    });
    const scales = read(`${SPLAT_EXTENSION}:SCALE`, 'VEC3', [FLOAT], count);
    const opacities = read(`${SPLAT_EXTENSION}:OPACITY`, 'SCALAR', [FLOAT], count);
    let shDegree = 0;
    while (shDegree < 3 && shAttribute(shCoefficients(shDegree)) in attributes) shDegree++;
    const k = shCoefficients(shDegree);
    const sh = new Float32Array(count * k * 3);
    for (let coefficient = 0; coefficient < k; coefficient++) {
        const values = read(shAttribute(coefficient), 'VEC3', [FLOAT], count);
        if (values === undefined) return undefined;
        for (let i = 0; i < count; i++)
            for (let c = 0; c < 3; c++) sh[(i * k + coefficient) * 3 + c] = values[i * 3 + c] as number;
    }
    if (rotation === undefined || scales === undefined || opacities === undefined) return undefined;
    const unit = rotation.componentType === SHORT ? QUAT_UNIT : 1;
    const quats = new Float32Array(count * 4);
    for (let i = 0; i < count; i++) {
        const [x, y, z, w] = [0, 1, 2, 3].map((c) => (rotation.values[i * 4 + c] as number) * unit) as [
            number,
            number,
            number,
            number,
        ];
        if (x === 0 && y === 0 && z === 0 && w === 0)
            return json.fault(
                'ASSET_VALUE',
                key(`${SPLAT_EXTENSION}:ROTATION`),
                `expected a rotation, got 0, 0, 0, 0 at splat ${i}.`,
            );
        quats.set([w, x, y, z], i * 4);
    }
    const badScale = scales.findIndex((s) => !(s > 0));
    if (badScale >= 0)
        return json.fault(
            'ASSET_VALUE',
            key(`${SPLAT_EXTENSION}:SCALE`),
            `expected scales above 0, got ${scales[badScale]} at ${badScale}.`,
        );
    const badOpacity = opacities.findIndex((o) => !(o >= 0 && o <= 1));
    if (badOpacity >= 0)
        return json.fault(
            'ASSET_VALUE',
            key(`${SPLAT_EXTENSION}:OPACITY`),
            `expected 0..1, got ${opacities[badOpacity]} at ${badOpacity}.`,
        );
    return {
        count,
        shDegree,
        means,
        quats,
        logScales: scales.map(readScale),
        logitOpacities: opacities.map(readOpacity),
        sh,
    };
}

function readFeatures(
    json: JsonReader,
    accessors: AccessorReader,
    value: unknown,
    at: string,
    movingCount: number,
): Pick<BranchAsset, 'spatialFeat' | 'featureCoding'> | undefined {
    const features = json.object(value, at);
    const scale = features && json.numbers(features['scale'], `${at}/scale`, SPATIAL_FEAT_DIM);
    const offset = features && json.numbers(features['offset'], `${at}/offset`, SPATIAL_FEAT_DIM);
    const stored =
        features &&
        accessors.read(features['accessor'], `${at}/accessor`, {
            type: 'SCALAR',
            componentTypes: [BYTE, SHORT],
            count: movingCount * SPATIAL_FEAT_DIM,
        });
    if (scale === undefined || offset === undefined || stored === undefined) return undefined;
    const spatialFeat = stored.values.map(
        (step, i) => (offset[i % SPATIAL_FEAT_DIM] as number) + (scale[i % SPATIAL_FEAT_DIM] as number) * step,
    );
    const badStep = scale.findIndex((step) => !(step > 0));
    if (badStep >= 0)
        return json.fault('ASSET_VALUE', `${at}/scale/${badStep}`, `expected a step above 0, got ${scale[badStep]}.`);
    if (!spatialFeat.every(Number.isFinite)) return json.fault('ASSET_VALUE', at, 'expected finite features.');
    return { spatialFeat, featureCoding: { bits: stored.componentType === BYTE ? 8 : 16, scale, offset } };
}

function readLayers(
    json: JsonReader,
    accessors: AccessorReader,
    value: unknown,
    at: string,
    name: BranchName,
    numExpressions: number,
): Record<string, Float32Array> | undefined {
    const layers = json.object(value, at);
    const specs = BRANCHES[name].layers(numExpressions);
    const total = specs.reduce((sum, spec) => sum + tensorSize(spec), 0);
    const tensors = layers && json.array(layers['tensors'], `${at}/tensors`, specs.length);
    const data =
        layers &&
        accessors.read(layers['accessor'], `${at}/accessor`, { type: 'SCALAR', componentTypes: [FLOAT], count: total });
    if (tensors === undefined || data === undefined) return undefined;
    const out: Record<string, Float32Array> = {};
    for (const [i, spec] of specs.entries()) {
        const here = `${at}/tensors/${i}`;
        const tensor = json.object(tensors[i], here);
        if (tensor === undefined) return undefined;
        if (tensor['name'] !== spec.name)
            return json.fault('ASSET_SHAPE', `${here}/name`, `expected "${spec.name}", got ${String(tensor['name'])}.`);
        const shape = json.numbers(tensor['shape'], `${here}/shape`);
        if (shape === undefined || shape.join() !== spec.shape.join()) {
            return json.fault(
                'ASSET_SHAPE',
                `${here}/shape`,
                `expected [${spec.shape.join(', ')}], got [${String(tensor['shape'])}].`,
            );
        }
        const offset = json.integer(tensor['offset'], `${here}/offset`, 0, total - tensorSize(spec));
        if (offset === undefined) return undefined;
        out[spec.name] = data.values.slice(offset, offset + tensorSize(spec));
    }
    return out;
}
