import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findChromium, runs } from './chromium.mjs';

/**
 * Makes a fresh machine ready. Plain Node without dependencies, because it runs before there is a node_modules.
 */

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** Oldest Node that vite and vitest accept; package.json's `engines` says the same. */
const NODE_MINIMUM = [20, 19];

/** Prints one line about what the bootstrap does. @param {string} text */
export function say(text) {
    process.stdout.write(`pgstalker: ${text}\n`);
}

/** Prints why nothing can go on, and exits with 1. @param {string[]} lines */
export function stop(...lines) {
    process.stderr.write(lines.map((line) => `pgstalker: ${line}\n`).join(''));
    process.exit(1);
}

/** Runs a program in the repository root with its output shown. @returns {boolean} whether it exited with 0. */
export function run(/** @type {string} */ program, /** @type {string[]} */ args, environment = process.env) {
    // npm is a .cmd on Windows, which only a shell starts.
    const shell = process.platform === 'win32';
    return spawnSync(program, args, { cwd: ROOT, stdio: 'inherit', env: environment, shell }).status === 0;
}

/** Stops unless this Node is new enough. */
export function ensureNode() {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    const [needMajor = 0, needMinor = 0] = NODE_MINIMUM;
    if (major > needMajor || (major === needMajor && minor >= needMinor)) return;
    stop(
        `expected Node ${needMajor}.${needMinor} or newer, got ${process.versions.node}. Get one from https://nodejs.org`,
    );
}

/** Installs the npm packages when they are missing or older than the lock file. */
export function ensurePackages() {
    const installed = resolve(ROOT, 'node_modules/.package-lock.json');
    const fresh = !existsSync(installed);
    if (!fresh && statSync(installed).mtimeMs >= statSync(resolve(ROOT, 'package-lock.json')).mtimeMs) return;
    say(fresh ? 'installing npm packages' : 'package-lock.json changed, updating npm packages');
    // Not `ci` for an update: it would delete a node_modules that a running dev server reads.
    if (run('npm', [fresh ? 'ci' : 'install', '--no-audit', '--no-fund'])) return;
    stop('npm could not install the packages; its message is above. Check the network and the npm registry setting.');
}

/**
 * Makes sure that a C++ compiler, CMake and, on request, Chromium are there; installs them with apt-get where that needs
 * no password, else prints the command to run and stops.
 *
 * @param {{ browser: boolean }} wanted
 */
export function ensureTools(wanted) {
    const compiler = ['g++', 'clang++', 'c++'].some(runs);
    const missing = [
        ...(compiler ? [] : ['g++']),
        ...(runs('cmake') ? [] : ['cmake']),
        ...(runs('make') || runs('ninja') ? [] : ['make']),
    ];
    if (missing.length > 0) aptInstall(missing);
    if (wanted.browser && findChromium() === undefined) installChromium();
}

/** Debian packages Chromium; Ubuntu's package only points to a snap, so there Playwright's build is taken. */
function installChromium() {
    if (!isUbuntu()) {
        aptInstall(['chromium']);
        if (findChromium() !== undefined) return;
    } else {
        say('installing Chromium through Playwright');
        const cli = resolve(ROOT, 'node_modules/playwright-core/cli.js');
        const flags = aptPrefix() === undefined ? [] : ['--with-deps'];
        if (run(process.execPath, [cli, 'install', '--no-shell', ...flags, 'chromium']) && findChromium()) return;
    }
    stop(
        'Chromium is missing and could not be installed. Install Chromium or Chrome, or name one: PGS_CHROMIUM=/path npm test',
        'On Ubuntu:  npx playwright-core install --with-deps chromium',
        'On Debian:  sudo apt-get install chromium',
    );
}

/** @param {string[]} packages */
function aptInstall(packages) {
    const names = packages.join(' ');
    const prefix = aptPrefix();
    if (prefix === undefined) {
        stop(
            `missing: ${names}. They can not be installed from here (no apt-get, or it would ask for a password). Please run:`,
            `    sudo apt-get update && sudo apt-get install -y ${names}`,
            'On other systems install a C++17 compiler, CMake with make, and Chromium or Chrome, then try again.',
        );
        return;
    }
    say(`installing ${names} with apt-get`);
    const apt = (/** @type {string[]} */ args) => {
        const [program = '', ...rest] = [...prefix, 'apt-get', ...args];
        return run(program, rest, { ...process.env, DEBIAN_FRONTEND: 'noninteractive' });
    };
    // A failing update (one dead mirror) need not stop an install from what is known already.
    apt(['update', '-q']);
    if (apt(['install', '-y', '-q', '--no-install-recommends', ...packages])) return;
    stop(`apt-get could not install ${names}; its message is above. Install them by hand and try again.`);
}

/** @returns {string[] | undefined} what to put before apt-get; undefined where it may not be used silently. */
function aptPrefix() {
    if (!runs('apt-get')) return undefined;
    if (process.getuid?.() === 0) return [];
    return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo'] : undefined;
}

function isUbuntu() {
    try {
        return /^ID(_LIKE)?=.*ubuntu/m.test(readFileSync('/etc/os-release', 'utf8'));
    } catch {
        return false;
    }
}
