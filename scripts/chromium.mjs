import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';

/** Names under which Chromium and Chrome are installed, the plain build first. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/**
 * The browser for the browser tests: `PGS_CHROMIUM` if set, else one on the PATH, else one that Playwright downloaded.
 *
 * Each candidate is run once with `--version`: on Ubuntu `chromium-browser` may be a script that only asks for a snap.
 *
 * @returns {string | undefined} its path, as browser drivers want it; undefined when there is none.
 */
export function findChromium() {
    const chosen = process.env['PGS_CHROMIUM'];
    if (chosen) return chosen;
    return [...NAMES.map(onPath), playwrightChromium()].find((path) => path !== undefined && runs(path));
}

/** The file that a command name stands for. @param {string} name */
function onPath(name) {
    const folders = (process.env['PATH'] ?? '').split(delimiter);
    return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
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
