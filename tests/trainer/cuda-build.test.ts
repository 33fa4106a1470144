import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Engine } from '../../tools/trainer-node/src/native/engine.js';
import { findNative, NATIVE_FILES } from '../../tools/trainer-node/src/native/locate.js';

/*
 * What can be known of libpgs_cuda.so without a GPU: registers and spills as ptxas reported them, symbols, dependencies, and what it
 * says where the driver is missing or old. `npm run build:native` builds it where it finds nvcc.
 */

const library = findNative(NATIVE_FILES.cuda);

/**
 * Registers a thread, the worse of sm_75 and sm_90. Beyond 64, a T4 no longer fills with blocks of 256 threads; beyond 128, the
 * backward kernels lose a block of the few that a multiprocessor holds. In brackets: measured.
 */
const REGISTER_BUDGET: Readonly<Record<string, number>> = {
    count_pairs: 48, // 38
    scan_bins: 64, // 58: its block of 1024 cannot be launched with more
    scatter_pairs: 64, // 48
    sort_tiles: 64, // 61
    raster_forward: 64, // 48
    raster_backward: 128, // 128 with depth, 116 without
    project_forward: 64, // 63
    project_backward: 128, // 93
    begin_iteration: 64, // 20
    agree: 64,
    total_losses: 64,
    end_iteration: 64,
    loss_forward: 64, // 60
    loss_sums: 64, // 63
    loss_backward: 64, // 60
    encoder_forward: 64, // 64: blocks of 512, two of which fill a T4
    encoder_backward: 64, // 64
    hearing_windows: 64, // 64
    hearing_reduce: 64, // 40
    check_losses: 64, // 20
    adam_steps: 64, // 52
    gather_rows: 64, // 20
    place_children: 64, // 33
    copy_pose: 64, // 12
    frame_forward: 64, // 58
    frame_backward: 64, // 43
    face_forward: 128, // 123
    mouth_forward: 128, // 105
    face_backward: 128, // 128
    mouth_backward: 128, // 128
    sum_partials: 64, // 30
    scatter_planes: 64, // 43
    close_planes: 64, // 16
};

interface KernelReport {
    readonly kernel: string;
    readonly architecture: string;
    readonly registers: number;
    readonly stackAndSpills: number;
}

/** Reads `ptxas -v` from the files that the build leaves beside its objects. */
function kernelReports(path: string): KernelReport[] {
    const folder = join(dirname(path), 'cuda/CMakeFiles/pgs_cuda.dir');
    const logs = readdirSync(folder).filter((name) => name.endsWith('.ptxas.txt'));
    const entry =
        /entry function '(\S+)' for '(sm_\d+)'[^]*?(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads[^]*?Used (\d+) registers/g;
    return logs.flatMap((name) =>
        [...readFileSync(join(folder, name), 'utf8').matchAll(entry)].map(
            ([, symbol = '', architecture = '', stack, stores, loads, registers]) => ({
                kernel: Object.keys(REGISTER_BUDGET).find((kernel) => symbol.includes(kernel)) ?? symbol,
                architecture,
                registers: Number(registers),
                stackAndSpills: Number(stack) + Number(stores) + Number(loads),
            }),
        ),
    );
}

interface DeviceAnswer {
    readonly status: number;
    readonly text: string;
    readonly loadMs: number;
}

/** Asks the library in a process of its own, with `folder` first among those that the driver is looked for in. */
function askDevice(path: string, folder = ''): DeviceAnswer {
    const source = `
        import koffi from 'koffi';
        const began = performance.now();
        const library = koffi.load(${JSON.stringify(path)});
        const loadMs = performance.now() - began;
        const text = new Uint8Array(512);
        const status = library.func('int32_t pgs_cuda_device(uint8_t* text, int32_t capacity)')(text, text.length);
        const end = text.indexOf(0);
        console.log(JSON.stringify({ status, text: new TextDecoder().decode(text.subarray(0, end)), loadMs }));
    `;
    const stdout = execFileSync(process.execPath, ['--input-type=module', '-e', source], {
        encoding: 'utf8',
        env: { ...process.env, LD_LIBRARY_PATH: folder },
    });
    return JSON.parse(stdout) as DeviceAnswer;
}

/** The same, with a driver that is nothing but its version and a status of cuInit. */
function askWithDriver(path: string, version: number, init: number): DeviceAnswer {
    const folder = mkdtempSync(join(tmpdir(), 'pgs-driver-'));
    try {
        const code = `int cuDriverGetVersion(int* v) { *v = ${version}; return 0; }\nint cuInit(unsigned f) { (void)f; return ${init}; }\n`;
        writeFileSync(join(folder, 'driver.c'), code);
        execFileSync('cc', ['-shared', '-fPIC', '-o', join(folder, 'libcuda.so.1'), join(folder, 'driver.c')]);
        return askDevice(path, folder);
    } finally {
        rmSync(folder, { recursive: true });
    }
}

describe.skipIf(library === undefined)('libpgs_cuda.so (needs nvcc, then `npm run build:native`)', () => {
    const path = library ?? '';

    it('compiles every kernel for sm_75 and sm_90 without stack or spills, within its registers', () => {
        const reports = kernelReports(path);
        for (const architecture of ['sm_75', 'sm_90']) {
            const compiled = reports.filter((report) => report.architecture === architecture);
            expect(new Set(compiled.map(({ kernel }) => kernel))).toEqual(new Set(Object.keys(REGISTER_BUDGET)));
        }
        const over = reports.filter(
            ({ kernel, registers, stackAndSpills }) =>
                stackAndSpills > 0 || !(registers <= (REGISTER_BUDGET[kernel] ?? 0)),
        );
        expect(over).toEqual([]);
    });

    it('exports the C ABI and nothing else', () => {
        const symbols = execFileSync('nm', ['-D', '--defined-only', path], { encoding: 'utf8' }).trim().split('\n');
        const names = symbols.map((line) => line.split(/\s+/).at(-1)).sort();
        const header = readFileSync('tools/trainer-node/native/include/pgs_trainer.h', 'utf8');
        const declared = [...header.matchAll(/^PGS_API [\w* ]+?\b(pgs_\w+)\(/gm)].map(([, name]) => name).sort();
        expect(declared.length).toBeGreaterThan(30);
        expect(names).toEqual(declared);
    });

    it('needs the C and C++ runtimes only: cudart is inside, the driver is looked for when it is used', () => {
        const needed = execFileSync('ldd', [path], { encoding: 'utf8' });
        const names = [...needed.matchAll(/(lib[\w+-]+)\.so/g)].map(([, name]) => name);
        expect(names).toContain('libc');
        const allowed = ['libc', 'libm', 'libstdc++', 'libgcc_s', 'libpthread', 'libdl', 'librt'];
        expect(names.filter((name) => !allowed.includes(name ?? ''))).toEqual([]);
    });

    it('is at most 8 MB and loads within 50 ms', () => {
        expect(statSync(path).size).toBeLessThan(8 * 2 ** 20);
        // The fastest of three, as a busy machine may stop any one of them.
        expect(Math.min(...[1, 2, 3].map(() => askDevice(path).loadMs))).toBeLessThan(50);
    });

    it('describes the GPU, or says in one line that there is no driver and what would help', () => {
        const { status, text } = askDevice(path);
        if (status > 0)
            expect(text).toMatch(/sm_\d+, \d+ GB; the driver supports CUDA \d+\.\d+, .* built for CUDA \d+\.\d+$/);
        else expect(text).toMatch(/^GPU: expected .* built for CUDA \d+\.\d+.*train on the CPU\.$/);
    });

    it('opens anywhere, and refuses the first call that needs a GPU where there is none', () => {
        if (askDevice(path).status > 0) return;
        const engine = Engine.open({ library: path, threads: 1 });
        expect(engine.buildInfo).toMatch(/^nvcc 1\d\.\d.*, sm 75 90-real, g\+\+/);
        engine.splatsResize('face', 2, 0);
        expect([...engine.tensorGet('face.quats')]).toEqual([1, 0, 0, 0, 1, 0, 0, 0]);
        expect(() => engine.dataBegin(1, { fx: 9, fy: 9, cx: 4, cy: 4, width: 8, height: 8 }, 0)).toThrow(
            /got -6 \(the GPU failed: GPU: expected /,
        );
        engine.dispose();
    });

    it('names both versions where the driver is too old', () => {
        const { status, text } = askWithDriver(path, 11040, 0);
        expect(status).toBe(-6);
        expect(text).toMatch(
            /^GPU: expected a driver for CUDA \d+\.0 or newer, .*supports CUDA 11\.4, .* built for CUDA \d+\.\d+\./,
        );
    });

    it('tells a driver without a GPU from no driver', () => {
        const { status, text } = askWithDriver(path, 99000, 100);
        expect(status).toBe(-6);
        expect(text).toMatch(/^GPU: expected one, got .*supports CUDA 99\.0, .* built for CUDA \d+\.\d+/);
    });

    it('refuses a missing text', () => {
        const source = `
            import koffi from 'koffi';
            const library = koffi.load(${JSON.stringify(path)});
            console.log(library.func('int32_t pgs_cuda_device(uint8_t* text, int32_t capacity)')(null, 10));
        `;
        const words = ['--input-type=module', '-e', source];
        expect(execFileSync(process.execPath, words, { encoding: 'utf8' }).trim()).toBe('-1');
    });
});
