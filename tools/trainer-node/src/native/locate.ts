import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PgsError } from '../../../../plugin/core/index.js';

/** Scalar type that a native library computes in. `f64` is the gradient oracle, `f32` the product. */
export type Precision = 'f32' | 'f64';

const FILE_NAMES: Readonly<Record<Precision, string>> = { f32: 'libpgs_cpu.so', f64: 'libpgs_cpu_f64.so' };

/** Folders that are searched, best first: `PGS_NATIVE_DIR`, then the checkout's own build folder. */
export function nativeFolders(env: NodeJS.ProcessEnv = process.env): string[] {
    const build = resolve(dirname(fileURLToPath(import.meta.url)), '../../native/build');
    const override = env['PGS_NATIVE_DIR'];
    // An explicit folder is an order, not a hint: falling back to another build would hide a typing error.
    return override === undefined || override === '' ? [build] : [resolve(override)];
}

/**
 * Path of the training library.
 *
 * @throws PgsError `NATIVE_MISSING` - names every folder that was searched and the command that builds the library.
 */
export function locateNative(precision: Precision = 'f32', env: NodeJS.ProcessEnv = process.env): string {
    const folders = nativeFolders(env);
    for (const folder of folders) {
        const path = join(folder, FILE_NAMES[precision]);
        if (existsSync(path)) return path;
    }
    throw new PgsError(
        'NATIVE_MISSING',
        `training engine: expected ${FILE_NAMES[precision]} in ${folders.join(', ')}, got no such file. ` +
            'Run `npm run build:native` (needs g++), or set PGS_NATIVE_DIR to the folder that holds it.',
    );
}
