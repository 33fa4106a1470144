import { PgsError } from '../core/index.js';
import prelude from './generated/prelude.wgsl?raw';

/** Constants and records of plugin/core in WGSL; every shader of this package starts with it. */
export const wgslPrelude: string = prelude;

/** How a kernel reaches a resource. `type` is the WGSL type of one element, of the whole record for `uniform`, or of the texture. */
export interface KernelBinding {
    readonly access: 'read' | 'read_write' | 'uniform' | 'texture';
    readonly type: string;
}

/** Storage buffer of `type` elements that the kernel only reads. */
export function readOnly(type: string): KernelBinding {
    return { access: 'read', type };
}

/** Storage buffer of `type` elements that the kernel reads and writes. */
export function readWrite(type: string): KernelBinding {
    return { access: 'read_write', type };
}

/** Uniform buffer that holds one record of the generated prelude. */
export function uniform(type: string): KernelBinding {
    return { access: 'uniform', type };
}

/** Float texture that the kernel loads texels from; bound as a view. */
export function texture2d(): KernelBinding {
    return { access: 'texture', type: 'texture_2d<f32>' };
}

/** Bindings by WGSL variable name. The order of the properties is the binding index. */
export type KernelBindings = Readonly<Record<string, KernelBinding>>;

/** What a compute kernel is, before any device exists. */
export interface KernelSpec<B extends KernelBindings = KernelBindings> {
    /** Name of the `@compute` function; also the label of everything made from it. */
    readonly entryPoint: string;
    /** WGSL without bindings and without the prelude; both are prepended. */
    readonly source: string;
    readonly bindings: B;
    /** Invocations a workgroup, as the source declares them. */
    readonly workgroupSize: number;
    /** Bytes of `var<workgroup>` in the source. Default 0. */
    readonly workgroupBytes?: number;
}

/** A buffer, or a view of a texture, for every binding of a kernel. */
export type KernelBuffers<B extends KernelBindings> = { readonly [K in keyof B]: GPUBuffer | GPUTextureView };

/** A compiled kernel of one device. Pipelines hold no memory that needs freeing. */
export interface Kernel<B extends KernelBindings = KernelBindings> {
    readonly spec: KernelSpec<B>;
    readonly pipeline: GPUComputePipeline;
    /** Makes a bind group; do this once per set of buffers, not per frame. */
    bind(label: string, buffers: KernelBuffers<B>): GPUBindGroup;
}

/**
 * Declares a kernel. The names of `bindings` become the WGSL variables, so the two sides cannot drift apart.
 *
 * @throws PgsError `OPTION_VALUE` - the source already declares bindings of its own.
 */
export function defineKernel<const B extends KernelBindings>(spec: KernelSpec<B>): KernelSpec<B> {
    if (/@binding\(/.test(spec.source)) {
        throw new PgsError(
            'OPTION_VALUE',
            `kernel ${spec.entryPoint}: expected a source without @binding, got one. List the buffer in "bindings".`,
        );
    }
    return spec;
}

/** The complete WGSL of a kernel: prelude, bindings, source. */
export function kernelSource(spec: KernelSpec): string {
    const bindings = Object.entries(spec.bindings).map(([name, { access, type }], index) => {
        const variable =
            access === 'uniform'
                ? `var<uniform> ${name}: ${type}`
                : access === 'texture'
                  ? `var ${name}: ${type}`
                  : `var<storage, ${access}> ${name}: array<${type}>`;
        return `@group(0) @binding(${index}) ${variable};`;
    });
    return [prelude, ...bindings, spec.source].join('\n');
}

/**
 * Compiles a kernel without blocking the page.
 *
 * @throws PgsError `GPU_LIMIT` - the device allows fewer storage buffers, invocations or bytes of workgroup memory.
 * @throws PgsError `GPU_UNAVAILABLE` - the driver refuses the shader; the driver's message is the cause.
 */
export async function compileKernelAsync<B extends KernelBindings>(
    device: GPUDevice,
    spec: KernelSpec<B>,
): Promise<Kernel<B>> {
    checkKernelLimits(device.limits, spec);
    const label = spec.entryPoint;
    const names = Object.keys(spec.bindings);
    const layout = device.createBindGroupLayout({
        label,
        entries: names.map((name, binding) => ({
            binding,
            visibility: GPUShaderStage.COMPUTE,
            ...layoutEntry((spec.bindings[name] as KernelBinding).access),
        })),
    });
    const module = device.createShaderModule({ label, code: kernelSource(spec) });
    const pipeline = await compileAsync(device, module, {
        label,
        layout: device.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: spec.entryPoint },
    });
    return {
        spec,
        pipeline,
        bind: (bindLabel, buffers) =>
            device.createBindGroup({
                label: `${label} ${bindLabel}`,
                layout,
                entries: names.map((name, binding) => ({
                    binding,
                    resource: resourceOf(spec, name, buffers[name] as GPUBuffer | GPUTextureView),
                })),
            }),
    };
}

/** Refuses a kernel that the device cannot hold, with the needed and the offered number. */
export function checkKernelLimits(limits: GPUSupportedLimits, spec: KernelSpec): void {
    const storage = Object.values(spec.bindings).filter(({ access }) => access.startsWith('read')).length;
    const needs: readonly (readonly [keyof GPUSupportedLimits & string, number])[] = [
        ['maxStorageBuffersPerShaderStage', storage],
        ['maxComputeInvocationsPerWorkgroup', spec.workgroupSize],
        ['maxComputeWorkgroupSizeX', spec.workgroupSize],
        ['maxComputeWorkgroupStorageSize', spec.workgroupBytes ?? 0],
    ];
    for (const [limit, need] of needs) {
        const offered = limits[limit] as number;
        if (need <= offered) continue;
        throw new PgsError(
            'GPU_LIMIT',
            `kernel ${spec.entryPoint}: expected ${limit} >= ${need}, got ${offered}. Use a device with WebGPU's default limits.`,
        );
    }
}

function layoutEntry(access: KernelBinding['access']): Pick<GPUBindGroupLayoutEntry, 'buffer' | 'texture'> {
    if (access === 'texture') return { texture: { sampleType: 'unfilterable-float' } };
    if (access === 'uniform') return { buffer: { type: 'uniform' } };
    return { buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' } };
}

function resourceOf(spec: KernelSpec, name: string, resource: GPUBuffer | GPUTextureView): GPUBindingResource {
    if (spec.bindings[name]?.access === 'texture') return resource as GPUTextureView;
    return { buffer: resource as GPUBuffer };
}

async function compileAsync(
    device: GPUDevice,
    module: GPUShaderModule,
    descriptor: GPUComputePipelineDescriptor,
): Promise<GPUComputePipeline> {
    try {
        return await device.createComputePipelineAsync(descriptor);
    } catch (cause) {
        const { messages } = await module.getCompilationInfo();
        const fault = messages.find(({ type }) => type === 'error');
        const told = fault ? `line ${fault.lineNum}: ${fault.message}` : (cause as Error).message;
        throw new PgsError(
            'GPU_UNAVAILABLE',
            `kernel ${descriptor.label}: expected the driver to compile it, got "${told}". ` +
                'Update the browser or the graphics driver.',
            { cause },
        );
    }
}
