import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'vite';

/**
 * `npm run pack:trainer`: the trainer and its compiled engine as two tarballs that install without a compiler.
 *
 * The trainer's TypeScript, and what it uses of the plugin, is bundled to JavaScript; the engine is built for any machine of its
 * platform. Both get the version of the root package.json, and the trainer asks for the engine's package in exactly that version.
 *
 * `--out DIR`    where the tarballs go; default build/packages
 * `--cpu-only`   without the GPU library, which else is a must
 * `--local`      the engine as it lies in native/build, for machines like this one: not for publishing
 */
const PLATFORM = 'linux-x64';
const LIBRARIES = { cpu: 'libpgs_cpu.so', cuda: 'libpgs_cuda.so' };

const trainer = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const root = resolve(trainer, '../..');
const { values } = parseArgs({
    options: {
        out: { type: 'string', default: resolve(trainer, 'build/packages') },
        'cpu-only': { type: 'boolean', default: false },
        local: { type: 'boolean', default: false },
    },
});
const { version } = readManifest(root);

/** @param {string} folder @returns {Record<string, any>} */
function readManifest(folder) {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

/** @param {string} message @returns {never} */
function stop(message) {
    process.stderr.write(`pack-trainer: ${message}\n`);
    process.exit(1);
}

/** Starts a package's folder: its manifest, its README and the licence. */
function stage(/** @type {string} */ folder, /** @type {object} */ manifest, /** @type {string} */ template) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    copyFileSync(join(template, 'README.md'), join(folder, 'README.md'));
    copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
}

/** The folder with the libraries that are packed. */
function nativeFolder() {
    if (values.local) return join(trainer, 'native/build');
    const script = join(trainer, 'scripts/build-native.mjs');
    const args = ['--portable', ...(values['cpu-only'] ? ['--cpu-only'] : [])];
    const { status } = spawnSync(process.execPath, [script, ...args], { stdio: 'inherit' });
    if (status !== 0) stop('the native build failed; its message is above.');
    return join(trainer, 'build/portable');
}

/** The engine's package. */
function stagePlatform(/** @type {string} */ folder) {
    const template = join(trainer, 'npm', PLATFORM);
    const { private: _private, name, ...rest } = readManifest(template);
    stage(folder, { name, version, ...rest }, template);
    const native = nativeFolder();
    const isCudaOptional = values.local || values['cpu-only'];
    for (const library of values['cpu-only'] ? [LIBRARIES.cpu] : Object.values(LIBRARIES)) {
        const path = join(native, library);
        if (existsSync(path)) copyFileSync(path, join(folder, library));
        else if (library !== LIBRARIES.cuda || !isCudaOptional)
            stop(`expected ${path}, got no such file. Install nvcc and try again, or pack without it: --cpu-only.`);
    }
    return { [name]: version };
}

/** The trainer's package. */
async function stageTrainer(/** @type {string} */ folder, /** @type {Record<string, string>} */ optionalDependencies) {
    const { private: _private, devDependencies: _development, name, ...rest } = readManifest(trainer);
    const template = join(trainer, 'npm/trainer');
    stage(folder, { name, version, ...rest, optionalDependencies, files: ['bin', 'lib', 'deploy'] }, template);
    cpSync(join(template, 'bin'), join(folder, 'bin'), { recursive: true });
    cpSync(join(trainer, 'deploy'), join(folder, 'deploy'), { recursive: true });
    const packages = Object.keys(rest.dependencies);
    const { output } = await build({
        root: trainer,
        configFile: false,
        publicDir: false,
        logLevel: 'warn',
        ssr: { target: 'node', noExternal: true, external: packages },
        build: {
            ssr: true,
            target: 'node20',
            outDir: join(folder, 'lib'),
            emptyOutDir: false,
            minify: false,
            rolldownOptions: {
                input: { cli: join(trainer, 'src/cli.ts') },
                // Else every file tells where this checkout lies.
                experimental: { attachDebugInfo: 'none' },
                output: { format: 'es', chunkFileNames: '[name]-[hash].js' },
            },
        },
    });
    // Code of others comes as a dependency, under its own licence, or not at all.
    const foreign = output.flatMap((file) => Object.keys(file.modules ?? {})).filter((id) => /node_modules/.test(id));
    if (foreign.length > 0) stop(`expected our own code alone in the bundle, got ${foreign.join(', ')}.`);
}

const staging = mkdtempSync(join(tmpdir(), 'pgs-pack-'));
process.on('exit', () => rmSync(staging, { recursive: true, force: true }));
const [trainerFolder, platformFolder] = [join(staging, 'trainer'), join(staging, PLATFORM)];
await stageTrainer(trainerFolder, stagePlatform(platformFolder));

mkdirSync(resolve(values.out), { recursive: true });
const npm = ['pack', '--json', '--offline', '--ignore-scripts', '--pack-destination', resolve(values.out)];
const packed = spawnSync('npm', [...npm, trainerFolder, platformFolder], { encoding: 'utf8', cwd: staging });
if (packed.status !== 0) stop(`npm pack failed: ${packed.stderr || packed.error}`);
for (const { filename, size, unpackedSize } of Object.values(JSON.parse(packed.stdout))) {
    const path = relative(process.cwd(), join(resolve(values.out), filename));
    process.stdout.write(`${path}  ${(size / 1e6).toFixed(2)} MB, unpacked ${(unpackedSize / 1e6).toFixed(2)} MB\n`);
}
if (values.local) process.stdout.write('The engine in it was built for machines like this one. Do not publish it.\n');
