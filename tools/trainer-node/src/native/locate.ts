import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PgsError } from '../../../../plugin/core/index.js';

/** Scalar type that a native library computes in. `f64` is the gradient oracle, `f32` the product. */
export type Precision = 'f32' | 'f64';

/** File names of the libraries. The oracle is built in a checkout alone; packages hold the other two. */
export const NATIVE_FILES = {
    cpu: 'libpgs_cpu.so',
    cpu64: 'libpgs_cpu_f64.so',
    cuda: 'libpgs_cuda.so',
} as const;

/** Platforms that a package with prebuilt libraries exists for, as Node names them. */
const PREBUILT: readonly string[] = ['linux-x64'];

/** Which copy of the trainer searches, and on what machine. */
export interface SearchPlace {
    /** The trainer's own folder: a checkout's, with the sources of the engine, or that of an installed package. */
    readonly folder: string;
    /** As Node names it, `linux-x64` say. */
    readonly platform: string;
}

/** Where libraries may lie, best first, and how this copy of the trainer is told to get them. */
interface Search {
    readonly folders: readonly string[];
    readonly cure: string;
}

/** This copy on this machine. Its folder is that of the nearest `package.json`: the code lies in `src/native`, or bundled in `lib`. */
function here(): SearchPlace {
    let folder = dirname(fileURLToPath(import.meta.url));
    while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder);
    return { folder, platform: `${process.platform}-${process.arch}` };
}

/** The folder of a package that is installed for the trainer, or undefined. */
function packageFolder(name: string, { folder }: SearchPlace): string | undefined {
    try {
        return dirname(createRequire(join(folder, 'package.json')).resolve(`${name}/package.json`));
    } catch {
        return undefined;
    }
}

function search(env: NodeJS.ProcessEnv, place: SearchPlace): Search {
    const { folder, platform } = place;
    const native = join(folder, 'native');
    const isCheckout = existsSync(join(native, 'CMakeLists.txt'));
    const build = 'Run `npm run build:native` (needs CMake and g++)';
    const override = env['PGS_NATIVE_DIR'];
    // An explicit folder is an order, not a hint: falling back to another build would hide a typing error.
    if (override !== undefined && override !== '') {
        const cure = isCheckout ? `${build}, or correct` : 'Correct or unset';
        return {
            folders: [resolve(override)],
            cure: `${cure} PGS_NATIVE_DIR, the only place that is searched when set.`,
        };
    }
    const name = `pgstalker-trainer-${platform}`;
    const installed = packageFolder(name, place);
    const folders = installed === undefined ? [] : [installed];
    if (isCheckout) {
        const cure = `${build}, or set PGS_NATIVE_DIR to the folder that holds it.`;
        return { folders: [join(native, 'build'), ...folders], cure };
    }
    if (!PREBUILT.includes(platform)) {
        const cure = `There is no prebuilt library for ${platform}, only for ${PREBUILT.join(', ')}`;
        return {
            folders,
            cure: `${cure}: build it in a checkout of the sources and set PGS_NATIVE_DIR to its folder.`,
        };
    }
    const missing = `The optional package ${name} was left out or is damaged`;
    return { folders, cure: `${missing}: npm install --include=optional pgstalker-trainer (glibc 2.34 or newer).` };
}

/** Folders that are searched, best first: `PGS_NATIVE_DIR` alone, or the checkout's own build folder, then the platform's package. */
export function nativeFolders(env: NodeJS.ProcessEnv = process.env): string[] {
    return [...search(env, here()).folders];
}

/** Path of a library file (see {@link NATIVE_FILES}), or undefined where no searched folder holds it. */
export function findNative(file: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
    return findIn(nativeFolders(env), file);
}

function findIn(folders: readonly string[], file: string): string | undefined {
    return folders.map((folder) => join(folder, file)).find((path) => existsSync(path));
}

/**
 * Path of the CPU's training library.
 *
 * @throws PgsError `NATIVE_MISSING` - see {@link locateLibrary}.
 */
export function locateNative(
    precision: Precision = 'f32',
    env: NodeJS.ProcessEnv = process.env,
    place: SearchPlace = here(),
): string {
    return locateLibrary(precision === 'f32' ? NATIVE_FILES.cpu : NATIVE_FILES.cpu64, env, place);
}

/**
 * Path of a library file (see {@link NATIVE_FILES}).
 *
 * @throws PgsError `NATIVE_MISSING` - names every folder that was searched and what to do about it here.
 */
export function locateLibrary(file: string, env: NodeJS.ProcessEnv = process.env, place: SearchPlace = here()): string {
    const { folders, cure } = search(env, place);
    const path = findIn(folders, file);
    if (path !== undefined) return path;
    const where = folders.length > 0 ? folders.join(', ') : `a package for ${place.platform}`;
    throw new PgsError('NATIVE_MISSING', `training engine: expected ${file} in ${where}, got no such file. ${cure}`);
}
