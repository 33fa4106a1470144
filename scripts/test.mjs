import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureNode, ensurePackages, ensureTools, run, say } from './bootstrap.mjs';
import { findChromium } from './chromium.mjs';

/**
 * `npm test`: installs what is missing, builds the native library, then runs every check, cheap ones first. A failing step
 * does not hide the later ones; the summary at the end names them all.
 */
ensureNode();
ensurePackages();
ensureTools({ browser: true });

const STEPS = [
    ['native build', 'build:native'],
    ['generated files', 'generate:check'],
    ['types', 'typecheck'],
    ['lint', 'lint'],
    ['format', 'format:check'],
    ['node tests', 'test:node'],
    ['browser tests', 'test:browser'],
];

const chromium = findChromium() ?? '';
/** The software Vulkan driver in the folder of a downloaded browser; Debian's is found by the tests themselves. */
const vulkan = join(dirname(chromium), 'vk_swiftshader_icd.json');
const environment = {
    ...process.env,
    PGS_CHROMIUM: chromium,
    ...(process.env['VK_ICD_FILENAMES'] === undefined && existsSync(vulkan) ? { VK_ICD_FILENAMES: vulkan } : {}),
};
const results = STEPS.map(([title = '', script = '']) => {
    say(title);
    const began = performance.now();
    const passed = run('npm', ['run', '--silent', script], environment);
    return { title, passed, seconds: (performance.now() - began) / 1000 };
});

process.stdout.write('\n');
for (const { title, passed, seconds } of results) {
    say(`${passed ? 'pass' : 'FAIL'}  ${title.padEnd(16)} ${seconds.toFixed(1).padStart(7)} s`);
}
const failed = results.filter(({ passed }) => !passed).length;
say(failed === 0 ? 'all checks passed' : `${failed} of ${results.length} checks failed`);
process.exitCode = failed === 0 ? 0 : 1;
