import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ROOT } from '../helpers/sources.js';

const MODULE = pathToFileURL(join(ROOT, 'scripts/bootstrap.mjs')).href;

/** A folder that is the whole PATH: the machine has what is put here and nothing else. */
let machine = '';

beforeEach(() => {
    machine = mkdtempSync(join(tmpdir(), 'pgs-machine-'));
});
afterEach(() => {
    rmSync(machine, { recursive: true });
});

function have(...names: string[]): void {
    for (const name of names) writeFileSync(join(machine, name), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
}

/** An apt-get that logs its arguments and, on `install`, makes the named programs appear. */
function haveApt(): void {
    const script = [
        '#!/bin/sh',
        '[ "$1" = --version ] && exit 0',
        `echo "$*" >> ${machine}/log`,
        'for last; do :; done',
        `if [ "$1" = install ]; then printf '#!/bin/sh\\nexit 0\\n' > ${machine}/$last; /bin/chmod +x ${machine}/$last; fi`,
    ].join('\n');
    writeFileSync(join(machine, 'apt-get'), script, { mode: 0o755 });
    // Where the tests do not run as root: a sudo that asks for nothing.
    writeFileSync(join(machine, 'sudo'), '#!/bin/sh\n[ "$1" = -n ] && exit 0\nexec "$@"\n', { mode: 0o755 });
}

function ensureTools(
    browser: boolean,
    environment: Record<string, string> = {},
): { status: number | null; text: string } {
    const program = `import { ensureTools } from '${MODULE}'; ensureTools({ browser: ${browser} });`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
        env: { PATH: machine, PLAYWRIGHT_BROWSERS_PATH: join(machine, 'browsers'), ...environment },
        encoding: 'utf8',
    });
    return { status, text: stdout + stderr };
}

const isUbuntu = existsSync('/etc/os-release') && /ubuntu/.test(readFileSync('/etc/os-release', 'utf8'));

describe.skipIf(process.platform !== 'linux')('bootstrap', () => {
    it('says exactly what to install, and fails, where it may not install', () => {
        const { status, text } = ensureTools(true);
        expect(text).toContain('sudo apt-get update && sudo apt-get install -y g++ cmake make');
        expect(status).toBe(1);
    });

    it('installs only what is missing', () => {
        have('g++', 'make');
        haveApt();
        const { status, text } = ensureTools(false);
        expect(readFileSync(join(machine, 'log'), 'utf8')).toBe(
            'update -q\ninstall -y -q --no-install-recommends cmake\n',
        );
        expect(status, text).toBe(0);
    });

    it.skipIf(isUbuntu)('installs Chromium where none can be found', () => {
        have('g++', 'cmake', 'make');
        haveApt();
        const { status, text } = ensureTools(true);
        expect(existsSync(join(machine, 'chromium'))).toBe(true);
        expect(status, text).toBe(0);
    });

    it('passes over a browser that does not start, as the one on Ubuntu that only asks for a snap', () => {
        have('g++', 'cmake', 'make', 'google-chrome');
        writeFileSync(join(machine, 'chromium-browser'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
        expect(ensureTools(true)).toEqual({ status: 0, text: '' });
    });

    it('takes the browser that PGS_CHROMIUM names', () => {
        have('g++', 'cmake', 'make');
        expect(ensureTools(true, { PGS_CHROMIUM: '/opt/chrome' })).toEqual({ status: 0, text: '' });
    });
});
