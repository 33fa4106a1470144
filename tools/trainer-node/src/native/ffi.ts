import { isMainThread } from 'node:worker_threads';
import koffi from 'koffi';
import { PgsError } from '../../../../plugin/core/index.js';

/**
 * Stack of an asynchronous call, bytes. koffi gives 128 KiB of its own where none is asked for, and what lies beyond ends the process
 * without a word; a GPU's driver, which loads and compiles kernels inside such calls, is not ours to measure.
 */
const ASYNC_STACK = 8 * 2 ** 20;
koffi.config({ async_stack_size: ASYNC_STACK });

/** Version of `pgs_trainer.h` that this binding is written for. */
export const ABI_VERSION = 2;

/** A `pgs_context*`. */
export type NativeContext = bigint;

/** A typed array that native code reads or writes in place, or a null pointer. */
export type NativeBuffer = ArrayBufferView | null;

/** Arguments of a native function after the context. */
export type NativeArgument = number | bigint | string | NativeBuffer;

/** A bound function: called at once, or on koffi's pool with `.async(...args, callback)`. */
export interface NativeFunction<Result> {
    (...args: readonly NativeArgument[]): Result;
    async(...args: readonly unknown[]): void;
}

/** Name of a native function. */
export type NativeName =
    | 'pgs_abi_version'
    | 'pgs_real_bytes'
    | 'pgs_build_info'
    | 'pgs_create'
    | 'pgs_destroy'
    | 'pgs_last_error'
    | 'pgs_cancel'
    | 'pgs_drain'
    | 'pgs_set'
    | 'pgs_get'
    | 'pgs_data_begin'
    | 'pgs_data_frame'
    | 'pgs_data_audio'
    | 'pgs_splats_resize'
    | 'pgs_splats_count'
    | 'pgs_nets_init'
    | 'pgs_encoder_init'
    | 'pgs_tensor_size'
    | 'pgs_tensor_get'
    | 'pgs_tensor_set'
    | 'pgs_tensor_names'
    | 'pgs_order_set'
    | 'pgs_train_run'
    | 'pgs_loss_grad'
    | 'pgs_hearing_run'
    | 'pgs_hearing_loss'
    | 'pgs_densify_apply'
    | 'pgs_stats_reset'
    | 'pgs_render_frame'
    | 'pgs_render_splats'
    | 'pgs_encode_audio'
    | 'pgs_spatial_features'
    | 'pgs_bench';

/** Result and arguments, as C types. */
type Signature = readonly [result: string, parameters: readonly string[]];

const P = 'void*';

/** Every function of the header: result and arguments. All array pointers are `void*`: typed arrays pass without a copy. */
const SIGNATURES: Readonly<Record<NativeName, Signature>> = {
    pgs_abi_version: ['int32_t', []],
    pgs_real_bytes: ['int32_t', []],
    pgs_build_info: ['const char*', []],
    pgs_create: [P, ['int32_t', 'uint64_t']],
    pgs_destroy: ['void', [P]],
    pgs_last_error: ['const char*', [P]],
    pgs_cancel: ['void', [P]],
    pgs_drain: ['int32_t', [P]],
    pgs_set: ['int32_t', [P, 'const char*', 'double']],
    pgs_get: ['int32_t', [P, 'const char*', P]],
    pgs_data_begin: [
        'int32_t',
        [P, 'int32_t', 'int32_t', 'int32_t', 'double', 'double', 'double', 'double', 'int32_t'],
    ],
    pgs_data_frame: ['int32_t', [P, 'int32_t', P, P, P, P, P, P, 'double']],
    pgs_data_audio: ['int32_t', [P, 'int32_t', 'int32_t', P, P]],
    pgs_splats_resize: ['int32_t', [P, 'int32_t', 'int32_t', 'int32_t']],
    pgs_splats_count: ['int32_t', [P, 'int32_t']],
    pgs_nets_init: ['int32_t', [P, 'int32_t', 'int32_t', 'int32_t']],
    pgs_encoder_init: ['int32_t', [P]],
    pgs_tensor_size: ['int64_t', [P, 'const char*']],
    pgs_tensor_get: ['int32_t', [P, 'const char*', P, 'int64_t']],
    pgs_tensor_set: ['int32_t', [P, 'const char*', P, 'int64_t']],
    pgs_tensor_names: ['int64_t', [P, P, 'int64_t']],
    pgs_order_set: ['int32_t', [P, 'int32_t', P, 'int32_t']],
    pgs_train_run: ['int32_t', [P, 'int32_t', 'int32_t', 'int32_t', P]],
    pgs_loss_grad: ['int32_t', [P, 'int32_t', 'int32_t', 'int32_t', 'int32_t', P]],
    pgs_hearing_run: ['int32_t', [P, P, 'int32_t', 'int32_t', P]],
    pgs_hearing_loss: ['int32_t', [P, P, 'int32_t', 'int32_t', P]],
    pgs_densify_apply: ['int32_t', [P, 'int32_t', P, 'int32_t']],
    pgs_stats_reset: ['int32_t', [P, 'int32_t']],
    pgs_render_frame: ['int32_t', [P, 'int32_t', 'int32_t', P, P]],
    pgs_render_splats: [
        'int32_t',
        [
            P,
            'int32_t',
            'int32_t',
            P,
            P,
            P,
            P,
            P,
            P,
            'double',
            'double',
            'double',
            'double',
            'int32_t',
            'int32_t',
            P,
            P,
            P,
            P,
            P,
        ],
    ],
    pgs_encode_audio: ['int32_t', [P, 'int32_t', 'int32_t', P]],
    pgs_spatial_features: ['int32_t', [P, 'int32_t', P, P]],
    pgs_bench: ['int32_t', [P, 'int32_t', 'int32_t', 'int32_t', P, 'int32_t']],
};

/** A loaded library and its functions. */
export interface NativeLibrary {
    readonly path: string;
    /** 4 or 8. */
    readonly realBytes: number;
    readonly buildInfo: string;
    readonly call: Readonly<Record<NativeName, NativeFunction<unknown>>>;
}

/**
 * Loads a library and binds the whole header.
 *
 * @throws PgsError `NATIVE_MISSING` - the file is not a library for this machine, lacks a function, has another ABI version,
 *   or this is not the main thread (koffi is reported unreliable in worker threads).
 */
export function loadNative(path: string): NativeLibrary {
    const where = `training engine ${path}`;
    if (!isMainThread) {
        throw new PgsError(
            'NATIVE_MISSING',
            `${where}: expected the main thread, got a worker. Load the engine from the main thread.`,
        );
    }
    const call: Partial<Record<NativeName, NativeFunction<unknown>>> = {};
    try {
        const library = koffi.load(path);
        for (const name of Object.keys(SIGNATURES) as NativeName[]) {
            const [result, args] = SIGNATURES[name];
            call[name] = library.func(name, result, [...args]) as unknown as NativeFunction<unknown>;
        }
    } catch (error) {
        throw new PgsError(
            'NATIVE_MISSING',
            `${where}: expected a loadable library, got "${(error as Error).message}". Run \`npm run build:native\` again.`,
            { cause: error },
        );
    }
    const bound = call as Record<NativeName, NativeFunction<unknown>>;
    const version = bound.pgs_abi_version() as number;
    if (version !== ABI_VERSION) {
        throw new PgsError(
            'NATIVE_MISSING',
            `${where}: expected ABI version ${ABI_VERSION}, got ${version}. Run \`npm run build:native\` again.`,
        );
    }
    return {
        path,
        realBytes: bound.pgs_real_bytes() as number,
        buildInfo: bound.pgs_build_info() as string,
        call: bound,
    };
}

/**
 * What the GPU library says of the GPU that training would use. Safe without a driver.
 *
 * @param path - of a `libpgs_cuda.so`.
 * @returns `count` of usable GPUs, below 1 where there is none; `text`, one line: its name, memory and versions, or the reason.
 * @throws PgsError `NATIVE_MISSING` - as {@link loadNative}.
 */
export function describeGpu(path: string): { readonly count: number; readonly text: string } {
    const line = new Uint8Array(512);
    try {
        const ask = koffi.load(path).func('pgs_cuda_device', 'int32_t', [P, 'int32_t']);
        const count = ask(line, line.length) as number;
        return { count, text: Buffer.from(line.subarray(0, line.indexOf(0))).toString('utf8') };
    } catch (error) {
        throw new PgsError(
            'NATIVE_MISSING',
            `GPU engine ${path}: expected a loadable library, got "${(error as Error).message}". Run \`npm run build:native\` again.`,
            { cause: error },
        );
    }
}
