import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * `npm run build:native`: configures and builds the training libraries, Release, into native/build. The GPU library is built where
 * CMake finds nvcc; where it does not, it says so and builds the others.
 *
 * `--portable` builds what packages ship, for other machines than this one, into build/portable: no test programs, and machine code
 * for every supported GPU. `--cpu-only` leaves the GPU library out.
 */
const { values } = parseArgs({
    options: { portable: { type: 'boolean', default: false }, 'cpu-only': { type: 'boolean', default: false } },
});
const trainer = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const build = resolve(trainer, values.portable ? 'build/portable' : 'native/build');

/** A CMake option, written out either way: CMake remembers what an earlier call said. */
const option = (/** @type {string} */ name, /** @type {boolean} */ isOn) => `-D${name}=${isOn ? 'ON' : 'OFF'}`;
const options = [
    option('PGS_PORTABLE', values.portable),
    option('PGS_CUDA_FAT', values.portable),
    option('PGS_TESTS', !values.portable),
    option('PGS_CUDA', !values['cpu-only']),
];
const steps = [
    ['-S', resolve(trainer, 'native'), '-B', build, '-DCMAKE_BUILD_TYPE=Release', ...options],
    // A number: without one, make starts every compiler at once.
    ['--build', build, '--config', 'Release', '--parallel', String(availableParallelism())],
];
for (const args of steps) {
    const { status, error } = spawnSync('cmake', args, { stdio: 'inherit' });
    if (status === 0) continue;
    if (error)
        process.stderr.write('build-native: expected CMake on the PATH. Install it: sudo apt-get install cmake g++\n');
    process.exit(1);
}
