import { resolve } from 'node:path';
import { defineConfig, type UserConfig, type UserConfigFnObject } from 'vite';

const root = import.meta.dirname;

/** `vite build`: the library. Babylon stays the user's own copy; meyda and the WGSL text are bundled. */
const library: UserConfig = {
    publicDir: false,
    build: {
        target: 'es2022',
        sourcemap: true,
        lib: {
            entry: {
                index: resolve(root, 'plugin/index.ts'),
                register: resolve(root, 'plugin/register.ts'),
                densify: resolve(root, 'plugin/densify/index.ts'),
            },
            formats: ['es'],
        },
        rolldownOptions: { external: [/^@babylonjs\//, /^onnxruntime-web/] },
    },
};

/** `vite --mode sandbox` serves the sandbox, `vite build --mode sandbox` writes it for any static host. */
const sandbox: UserConfig = {
    root: resolve(root, 'sandbox'),
    base: './',
    publicDir: resolve(root, 'sandbox/public'),
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
