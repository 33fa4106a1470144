import { spawn } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

/**
 * Where an avatar's files lie while it is trained, and how they get there and back.
 *
 * @typedef {object} Store
 * @property {string} home     folder of the avatar here: `status.json`, `head.glb`, `run/`
 * @property {string} dataset  folder of its dataset here
 * @property {() => Promise<void>} pull         fetches what earlier attempts left
 * @property {() => Promise<void>} pullDataset  fetches the dataset
 * @property {() => Promise<void>} push         saves what there is now
 * @property {() => void} clean                 frees the space that was used here
 */

/** The copy command failed: the network, most likely. Trying again may help. */
export class CopyError extends Error {}

/** Writes a file whole or not at all. */
export function writeWhole(/** @type {string} */ path, /** @type {string} */ text) {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
}

/**
 * Folders that this machine sees, mounted buckets included: everything is done in place, so nothing can be lost on the way.
 *
 * @param {{ source: string, destination: string }} places
 * @param {{ name: string, dataset: string }} avatar
 * @returns {Store}
 */
export function folderStore({ source, destination }, avatar) {
    const home = join(destination, avatar.name);
    const nothing = async () => {};
    const pull = async () => void mkdirSync(home, { recursive: true });
    return { home, dataset: join(source, avatar.dataset), pull, pullDataset: nothing, push: nothing, clean: () => {} };
}

/**
 * A bucket behind a copy command: `COPY FROM TO` must copy what lies in folder FROM into folder TO, whole files, and delete nothing.
 * Since nothing is ever deleted there, the newest checkpoint is always kept under one and the same name.
 *
 * @param {{ source: string, destination: string, copy: string, work: string }} places
 * @param {{ name: string, dataset: string }} avatar
 * @returns {Store}
 */
export function copiedStore({ source, destination, copy, work }, avatar) {
    const [home, outgoing] = [join(work, avatar.name), join(work, `${avatar.name}.outgoing`)];
    const dataset = join(work, `${avatar.name}.dataset`);
    const there = `${destination.replace(/\/+$/, '')}/${avatar.name}`;
    const fresh = (/** @type {string} */ folder) => {
        rmSync(folder, { recursive: true, force: true });
        mkdirSync(folder, { recursive: true });
    };
    return {
        home,
        dataset,
        async pull() {
            fresh(home);
            fresh(outgoing);
            // Many copy commands fail on a folder that is not there: this makes it, and tells who works on the avatar.
            const attempt = { host: hostname(), began: new Date().toISOString() };
            writeFileSync(join(outgoing, 'attempt.json'), `${JSON.stringify(attempt)}\n`);
            await runCopy(copy, outgoing, there);
            await runCopy(copy, there, home);
        },
        async pullDataset() {
            fresh(dataset);
            await runCopy(copy, `${source.replace(/\/+$/, '')}/${avatar.dataset}`, dataset);
        },
        async push() {
            fresh(outgoing);
            const checkpoints = join(home, 'run/checkpoints');
            cpSync(home, outgoing, {
                recursive: true,
                filter: (path) => path !== checkpoints && !path.endsWith('.new'),
            });
            copyNewest(checkpoints, join(outgoing, 'run/checkpoints'));
            await runCopy(copy, outgoing, there);
        },
        clean() {
            for (const folder of [home, outgoing, dataset]) rmSync(folder, { recursive: true, force: true });
        },
    };
}

/** Copies the newest checkpoint; its iteration stands in the file, so its name is free. */
function copyNewest(/** @type {string} */ from, /** @type {string} */ to) {
    if (!existsSync(from)) return;
    const names = readdirSync(from).filter((name) => /^\d{7}\.safetensors$/.test(name));
    const newest = names.sort().at(-1);
    if (newest === undefined) return;
    mkdirSync(to, { recursive: true });
    copyFileSync(join(from, newest), join(to, '0000000.safetensors'));
}

/** @param {string} copy @param {string} from @param {string} to @returns {Promise<void>} */
function runCopy(copy, from, to) {
    return new Promise((done, fail) => {
        // A process group of its own: Ctrl-C is ours to answer, and a copy that is under way must end.
        const child = spawn('sh', ['-c', `${copy} "$1" "$2"`, 'sh', from, to], {
            stdio: ['ignore', 'inherit', 'inherit'],
            detached: true,
        });
        child.on('error', fail);
        child.on('close', (code, signal) => {
            if (code === 0) done();
            else fail(new CopyError(`copying ${from} to ${to}: expected exit code 0, got ${code ?? signal}.`));
        });
    });
}
