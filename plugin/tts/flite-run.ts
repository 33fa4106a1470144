/** What one run of flite gave. */
export interface FliteRun {
    /** The WAV file that it wrote, empty if none. */
    readonly wav: Uint8Array;
    /** What it printed. */
    readonly print: string;
    /** 0 when it went well. */
    readonly status: number;
}

/** Where the one output file lies in the run's world. */
export const FLITE_OUTPUT = '/out.wav';

// Numbers of the WASI preview 1 interface.
const OK = 0;
const BAD_FILE = 8;
const NO_SUCH_FILE = 44;
const DIRECTORY = 3;
const REGULAR_FILE = 4;
const CHARACTER_DEVICE = 2;
const ROOT_FD = 3;
const OUTPUT_FD = 4;

/** Ends a run from within: WASI's exit must not return. */
class Exit extends Error {
    public constructor(public readonly status: number) {
        super(`exit ${status}`);
    }
}

/**
 * Runs flite once, in memory: a WASI command serves one run, so every run has an instance of its own (about 15 ms, 21 MB
 * until it is collected). It sees one folder with one file that it may write, no input and a clock that stands still, so
 * the same arguments give the same bytes.
 *
 * @param args - without the program's name.
 * @throws WebAssembly.RuntimeError - flite broke.
 */
export async function runFlite(module: WebAssembly.Module, args: readonly string[]): Promise<FliteRun> {
    const output = new OutputFile();
    const print = new OutputFile();
    const world = wasiWorld(args, output, print, () => (instance.exports['memory'] as WebAssembly.Memory).buffer);
    const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: world });
    let status = 0;
    try {
        (instance.exports['_start'] as () => void)();
    } catch (error) {
        if (!(error instanceof Exit)) throw error;
        status = error.status;
    }
    return { wav: output.bytes(), print: new TextDecoder().decode(print.bytes()), status };
}

/** The functions of WASI that flite imports. */
function wasiWorld(
    args: readonly string[],
    output: OutputFile,
    print: OutputFile,
    buffer: () => ArrayBuffer,
): WebAssembly.ModuleImports {
    const texts = ['flite', ...args].map((arg) => new TextEncoder().encode(`${arg.replaceAll('\0', ' ')}\0`));
    const view = (): DataView => new DataView(buffer());
    const fileOf = (fd: number): OutputFile | null => (fd === OUTPUT_FD ? output : fd === 1 ? print : null);
    return {
        args_sizes_get(count: number, size: number) {
            view().setUint32(count, texts.length, true);
            view().setUint32(size, total(texts), true);
            return OK;
        },
        args_get(pointers: number, at: number) {
            for (const [i, text] of texts.entries()) {
                view().setUint32(pointers + 4 * i, at, true);
                new Uint8Array(buffer()).set(text, at);
                at += text.length;
            }
            return OK;
        },
        clock_time_get(_clock: number, _precision: bigint, at: number) {
            view().setBigUint64(at, 0n, true);
            return OK;
        },
        fd_close: () => OK,
        fd_fdstat_get(fd: number, at: number) {
            const type = fd === ROOT_FD ? DIRECTORY : fd === OUTPUT_FD ? REGULAR_FILE : CHARACTER_DEVICE;
            new Uint8Array(buffer()).fill(0, at, at + 24);
            view().setUint8(at, type);
            // Every right: the world itself holds nothing else.
            view().setBigUint64(at + 8, 0xffff_ffffn, true);
            view().setBigUint64(at + 16, 0xffff_ffffn, true);
            return OK;
        },
        fd_fdstat_set_flags: () => OK,
        fd_prestat_get(fd: number, at: number) {
            if (fd !== ROOT_FD) return BAD_FILE;
            view().setUint32(at, 0, true);
            view().setUint32(at + 4, 1, true);
            return OK;
        },
        fd_prestat_dir_name(_fd: number, at: number) {
            view().setUint8(at, '/'.charCodeAt(0));
            return OK;
        },
        fd_read(_fd: number, _vectors: number, _count: number, read: number) {
            view().setUint32(read, 0, true);
            return OK;
        },
        fd_seek(fd: number, offset: bigint, whence: number, at: number) {
            if (fd !== OUTPUT_FD) return BAD_FILE;
            view().setBigUint64(at, BigInt(output.seek(Number(offset), whence)), true);
            return OK;
        },
        fd_write(fd: number, vectors: number, count: number, written: number) {
            let sum = 0;
            for (let i = 0; i < count; i++) {
                const at = view().getUint32(vectors + 8 * i, true);
                const length = view().getUint32(vectors + 8 * i + 4, true);
                fileOf(fd)?.write(new Uint8Array(buffer(), at, length));
                sum += length;
            }
            view().setUint32(written, sum, true);
            return OK;
        },
        path_open(_fd: number, _look: number, path: number, length: number, ...rest: (number | bigint)[]) {
            const name = new TextDecoder().decode(new Uint8Array(buffer(), path, length));
            if (name !== FLITE_OUTPUT.slice(1)) return NO_SUCH_FILE;
            view().setUint32(Number(rest.at(-1)), OUTPUT_FD, true);
            return OK;
        },
        proc_exit(status: number) {
            throw new Exit(status);
        },
    };
}

/** A file in memory that grows as it is written. */
class OutputFile {
    private data = new Uint8Array(65_536);
    private length = 0;
    private at = 0;

    public write(bytes: Uint8Array): void {
        const end = this.at + bytes.length;
        if (end > this.data.length) {
            const grown = new Uint8Array(Math.max(end, 2 * this.data.length));
            grown.set(this.data);
            this.data = grown;
        }
        this.data.set(bytes, this.at);
        this.at = end;
        this.length = Math.max(this.length, end);
    }

    /** @param whence - 0 from the start, 1 from here, 2 from the end. */
    public seek(offset: number, whence: number): number {
        this.at = Math.max(0, offset + (whence === 0 ? 0 : whence === 1 ? this.at : this.length));
        return this.at;
    }

    public bytes(): Uint8Array {
        return this.data.subarray(0, this.length);
    }
}

function total(texts: readonly Uint8Array[]): number {
    return texts.reduce((sum, { length }) => sum + length, 0);
}
