import { spawnSync } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * `npm run build:native`: configures and builds the training libraries, Release, into native/build. The GPU library is built where
 * CMake finds nvcc; where it does not, it says so and builds the others.
 */
const source = resolve(dirname(fileURLToPath(import.meta.url)), '../native');
const build = resolve(source, 'build');

const steps = [
    ['-S', source, '-B', build, '-DCMAKE_BUILD_TYPE=Release'],
    ['--build', build, '--config', 'Release', '--parallel'],
];
for (const args of steps) {
    const { status, error } = spawnSync('cmake', args, { stdio: 'inherit' });
    if (status === 0) continue;
    if (error)
        process.stderr.write('build-native: expected CMake on the PATH. Install it: sudo apt-get install cmake g++\n');
    process.exit(1);
}
