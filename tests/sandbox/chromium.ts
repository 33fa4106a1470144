import { spawnSync } from 'node:child_process';
import { findChromium } from '../../scripts/chromium.mjs';

/** Path of the browser; `findChromium` may give a command on the PATH, which Playwright does not look up. */
export function chromiumPath(): string | undefined {
    const command = findChromium();
    if (command === undefined || command.includes('/')) return command;
    return spawnSync('sh', ['-c', `command -v ${command}`], { encoding: 'utf8' }).stdout.trim();
}

/** Software WebGPU that can also show a canvas, and sound without a click. */
export const WEBGPU_FLAGS: readonly string[] = [
    '--no-sandbox',
    '--enable-unsafe-webgpu',
    '--use-webgpu-adapter=swiftshader',
    '--use-gl=angle',
    '--use-angle=swiftshader',
    '--use-vulkan=swiftshader',
    '--enable-features=Vulkan',
    '--ignore-gpu-blocklist',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--disable-quic',
    '--no-first-run',
    '--autoplay-policy=no-user-gesture-required',
];
