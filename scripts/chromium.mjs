import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

/** Names under which Chromium and Chrome are installed, the plain build first. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/**
 * The browser for the browser tests: `PGS_CHROMIUM` if set, else one on the PATH, else one that Playwright downloaded.
 *
 * Each candidate is run once with `--version`: on Ubuntu `chromium-browser` may be a script that only asks for a snap.
 *
 * @returns {string | undefined} a command or path; undefined when there is none.
 */
export function findChromium() {
    const chosen = process.env['PGS_CHROMIUM'];
    if (chosen) return chosen;
    return [...NAMES, playwrightChromium()].find((candidate) => candidate !== undefined && runs(candidate));
}

function playwrightChromium() {
    try {
        return createRequire(import.meta.url)('playwright-core').chromium.executablePath();
    } catch {
        // node_modules is not there yet.
        return undefined;
    }
}

/** Whether `command --version` succeeds. @param {string} command */
export function runs(command) {
    return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}
