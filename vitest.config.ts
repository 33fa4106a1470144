import { defineConfig, type ViteUserConfig } from 'vitest/config';

/**
 * Two lanes. `node` is the fast one. `browser` files are Node programs that drive a headless Chromium themselves, so they
 * run one at a time (`npm run test:browser`): software WebGPU takes every core.
 */
const config: ViteUserConfig = defineConfig({
    test: {
        // Two workers: the CPU trainer's tests spawn their own threads, and more only make each other slow.
        maxWorkers: 2,
        projects: [
            {
                test: {
                    name: 'node',
                    environment: 'node',
                    include: ['tests/**/*.test.ts'],
                    // The trainer's small end-to-end runs take tens of seconds on two cores.
                    testTimeout: 120_000,
                    hookTimeout: 120_000,
                },
            },
            {
                test: {
                    name: 'browser',
                    environment: 'node',
                    include: ['tests/**/*.browser.ts'],
                    // Software WebGPU compiles and draws a full frame in seconds, not milliseconds.
                    testTimeout: 300_000,
                    hookTimeout: 300_000,
                },
            },
        ],
    },
});

export default config;
