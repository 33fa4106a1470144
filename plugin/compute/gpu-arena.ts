import { PgsError } from '../core/index.js';

/** Bytes that a WebGPU buffer size and a `writeBuffer` must be a multiple of. */
const COPY_ALIGNMENT = 4;

/**
 * The GPU buffers of one owner: labelled, counted, and freed together.
 *
 * Owns every buffer it hands out and nothing else. Sizes are checked against the device before anything is allocated.
 */
export class GpuArena {
    readonly #device: GPUDevice;
    readonly #label: string;
    readonly #buffers: GPUBuffer[] = [];
    #bytes = 0;

    public constructor(device: GPUDevice, label: string) {
        this.#device = device;
        this.#label = label;
    }

    /** Buffers alive. Zero after {@link dispose}. */
    public get bufferCount(): number {
        return this.#buffers.length;
    }

    /** Bytes alive. Zero after {@link dispose}. */
    public get bytes(): number {
        return this.#bytes;
    }

    /**
     * A storage buffer, zeroed or filled.
     *
     * @param content - its size in bytes (> 0, rounded up to 4), or what it holds from the start.
     * @throws PgsError `GPU_LIMIT` - larger than the device lets one binding be.
     */
    public storage(label: string, content: number | ArrayBufferView): GPUBuffer {
        return this.#create(
            label,
            content,
            GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
            'maxStorageBufferBindingSize',
        );
    }

    /** A uniform buffer; see {@link storage}. */
    public uniform(label: string, content: number | ArrayBufferView): GPUBuffer {
        return this.#create(label, content, GPUBufferUsage.UNIFORM, 'maxUniformBufferBindingSize');
    }

    /** A buffer for query results and read-back; `usage` replaces the default copy usages. */
    public raw(label: string, size: number, usage: GPUBufferUsageFlags): GPUBuffer {
        return this.#track(this.#device.createBuffer({ label: `${this.#label} ${label}`, size, usage }));
    }

    /** Frees every buffer. Twice is fine. */
    public dispose(): void {
        for (const buffer of this.#buffers) buffer.destroy();
        this.#buffers.length = 0;
        this.#bytes = 0;
    }

    #create(
        label: string,
        content: number | ArrayBufferView,
        usage: GPUBufferUsageFlags,
        limit: 'maxStorageBufferBindingSize' | 'maxUniformBufferBindingSize',
    ): GPUBuffer {
        const bytes = typeof content === 'number' ? content : content.byteLength;
        const size = Math.max(Math.ceil(bytes / COPY_ALIGNMENT) * COPY_ALIGNMENT, COPY_ALIGNMENT);
        const offered = Math.min(this.#device.limits[limit], this.#device.limits.maxBufferSize);
        if (size > offered) {
            throw new PgsError(
                'GPU_LIMIT',
                `${this.#label} ${label}: expected at most ${offered} bytes (${limit}), got ${size}. Use a head with fewer splats.`,
            );
        }
        const buffer = this.#device.createBuffer({
            label: `${this.#label} ${label}`,
            size,
            usage: usage | GPUBufferUsage.COPY_DST,
            mappedAtCreation: typeof content !== 'number',
        });
        if (typeof content !== 'number') {
            const source = new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
            new Uint8Array(buffer.getMappedRange()).set(source);
            buffer.unmap();
        }
        return this.#track(buffer);
    }

    #track(buffer: GPUBuffer): GPUBuffer {
        this.#buffers.push(buffer);
        this.#bytes += buffer.size;
        return buffer;
    }
}
