import { resolve } from 'node:path';
import { defineConfig, type Plugin, type UserConfig, type UserConfigFnObject } from 'vite';
import { TAP_CODE } from './plugin/audio/analysis/tap-code.js';

const root = import.meta.dirname;

/** What the page and the worker's file both need beside errors, which everybody does. */
const SHARED = /plugin\/(core\/constants|audio\/(front-end|lip-rest|feature-timeline|samples|analysis\/messages))\.ts$/;

/** Takes comments and indentation out of the shaders that a build carries as text; WGSL here has no other `//`. */
const leanShaders: Plugin = {
    name: 'lean-shaders',
    apply: 'build',
    enforce: 'post',
    transform(code, id) {
        if (!id.endsWith('.wgsl?raw')) return undefined;
        const shader = JSON.parse(code.slice(code.indexOf('"'), code.lastIndexOf('"') + 1)) as string;
        // A line such as "// <fog>" is a place that the plugin fills in.
        const lines = shader.split('\n').map((line) => line.replace(/\/\/(?! <\w[\w ]*>$).*$/, '').trim());
        const text = lines.filter((line) => line !== '').join('\n');
        return { code: `export default ${JSON.stringify(text)}`, map: null };
    },
};

/** The tap as a file, for pages whose policy forbids worklets made from text. */
const tapFile: Plugin = {
    name: 'tap-file',
    apply: 'build',
    generateBundle() {
        this.emitFile({ type: 'asset', fileName: 'tap.js', source: TAP_CODE });
    },
};

/** `vite build`: the library. Babylon stays the user's own copy; the WGSL text and the worker's code are bundled. */
const library: UserConfig = {
    publicDir: false,
    plugins: [leanShaders, tapFile],
    build: {
        target: 'es2022',
        sourcemap: true,
        lib: {
            entry: {
                index: resolve(root, 'plugin/index.ts'),
                register: resolve(root, 'plugin/register.ts'),
                behaviors: resolve(root, 'plugin/behaviors/index.ts'),
                densify: resolve(root, 'plugin/densify/index.ts'),
                ort: resolve(root, 'plugin/audio/ort/index.ts'),
                tts: resolve(root, 'plugin/tts/index.ts'),
                'analysis-worker': resolve(root, 'plugin/audio/analysis/analysis-worker.ts'),
            },
            formats: ['es'],
        },
        rolldownOptions: {
            external: [/^@babylonjs\//, /^onnxruntime-web/, /^@echogarden\//],
            // Vite leaves the white space of ES libraries in; the source map has all of it.
            output: {
                minify: { compress: true, mangle: true, codegen: { removeWhitespace: true } },
                // What page and worker share are a few small files; one is smaller after gzip.
                codeSplitting: {
                    groups: [
                        { name: 'errors', test: /plugin\/core\/errors\.ts$/, priority: 1 },
                        { name: 'shared', test: SHARED },
                    ],
                },
            },
        },
    },
};

/** `vite --mode sandbox` serves the sandbox, `vite build --mode sandbox` writes it for any static host. */
const sandbox: UserConfig = {
    root: resolve(root, 'sandbox'),
    base: './',
    publicDir: resolve(root, 'sandbox/public'),
    plugins: [leanShaders],
    // The sandbox imports plugin/ beside it.
    server: { port: 5173, fs: { allow: [root] } },
    build: {
        target: 'es2022',
        outDir: resolve(root, 'build/sandbox'),
        emptyOutDir: true,
        // Babylon's engine is most of it; splitting would not make the page start sooner.
        chunkSizeWarningLimit: 4000,
    },
};

const config: UserConfigFnObject = defineConfig(({ mode }) => (mode === 'sandbox' ? sandbox : library));

export default config;
