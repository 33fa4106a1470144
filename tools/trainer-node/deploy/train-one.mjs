#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ManifestError, readAvatar } from './manifest.mjs';
import { CopyError, copiedStore, folderStore, writeWhole } from './store.mjs';

/**
 * Trains one avatar of a manifest, or goes on where an earlier attempt stopped: what a scheduler runs, once for each index.
 *
 *     PGS_SOURCE=datasets PGS_DEST=heads node train-one.mjs MANIFEST INDEX
 *
 * README.md beside this file describes the manifest, the environment, what is written and the exit codes.
 */
const EXIT = { done: 0, failure: 1, usage: 2, copy: 75, interrupted: 130 };
/** Exit codes that a second attempt would only repeat, on any machine: bad options, a bad dataset. */
const FINAL = [2, 3];
/** One Ctrl-C may arrive twice, from the terminal and from the script around this one. */
const SAME_SIGNAL_MS = 2000;

const trainer = resolve(dirname(fileURLToPath(import.meta.url)), '../bin/pgstalker.mjs');
const say = (/** @type {string} */ text) => process.stdout.write(`train-one: ${text}\n`);

/** @type {import('node:child_process').ChildProcess | undefined} */
let training;
let signalAt = 0;
for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT'])) {
    process.on(signal, () => {
        if (Date.now() - signalAt < SAME_SIGNAL_MS) return;
        signalAt = Date.now();
        training?.kill('SIGTERM');
    });
}

try {
    process.exitCode = await main();
} catch (error) {
    if (!(error instanceof ManifestError || error instanceof CopyError)) throw error;
    process.stderr.write(`train-one: ${error.message}\n`);
    process.exitCode = error instanceof CopyError ? EXIT.copy : EXIT.usage;
}

async function main() {
    const [manifest, index] = process.argv.slice(2);
    if (manifest === undefined || index === undefined) throw new ManifestError('usage: train-one.mjs MANIFEST INDEX');
    const { count, ...avatar } = readAvatar(manifest, index);
    const store = openStore(avatar);
    const who = `${avatar.name} (${index} of ${count})`;
    await store.pull();
    const [status, head, run] = ['status.json', 'head.glb', 'run'].map((name) => join(store.home, name));
    const before = existsSync(status) ? JSON.parse(readFileSync(status, 'utf8')) : {};
    const isDone = before.state === 'done' && existsSync(head);
    const isBegun = existsSync(join(run, 'config.json'));
    // Options are taken once, when a run begins: others would be ignored, and nobody would know.
    if ((isDone || isBegun) && before.avatar && JSON.stringify(before.avatar) !== JSON.stringify(avatar))
        throw new ManifestError(
            `${who}: expected the dataset and options that it was begun with, ${JSON.stringify(before.avatar)}, got ` +
                `${JSON.stringify(avatar)}. Use another name, or remove its folder from ${process.env['PGS_DEST']}.`,
        );
    if (isDone) {
        store.clean();
        say(`${who}: done already`);
        return EXIT.done;
    }

    const began = new Date();
    const write = (/** @type {string} */ state, /** @type {object} */ more = {}) => {
        const facts = { state, attempt: (before.attempt ?? 0) + 1, host: hostname(), began: began.toISOString() };
        writeWhole(status, `${JSON.stringify({ name: avatar.name, ...facts, ...more, avatar }, null, 2)}\n`);
    };
    write('running');
    await store.pullDataset();
    say(`${who}: ${isBegun ? 'going on' : 'beginning'}`);
    const words = ['train', store.dataset, '-o', head, isBegun ? '--resume' : '--run', run, ...avatar.train];
    const { code, message } = signalAt > 0 ? { code: EXIT.interrupted, message: '' } : await train(words, store);
    const state = code === EXIT.done ? 'done' : code === EXIT.interrupted ? 'interrupted' : 'failed';
    const isFinal = code === EXIT.done || FINAL.includes(code);
    const seconds = Math.round((Date.now() - began.getTime()) / 1000);
    write(state, { exitCode: code, retry: !isFinal, ...(code === EXIT.done ? {} : { message }), seconds });
    await store.push();
    store.clean();
    say(`${who}: ${state}${isFinal ? '' : ', another attempt goes on from here'}`);
    return code;
}

function openStore(/** @type {{ name: string, dataset: string }} */ avatar) {
    const { PGS_SOURCE: source, PGS_DEST: destination, PGS_COPY: copy, PGS_WORK: work } = process.env;
    if (!source || !destination) throw new ManifestError('expected PGS_SOURCE and PGS_DEST to be set.');
    if (copy) return copiedStore({ source, destination, copy, work: work || join(tmpdir(), 'pgstalker') }, avatar);
    const address = [source, destination].find((place) => place.includes('://'));
    if (address !== undefined)
        throw new ManifestError(`expected PGS_COPY, the command that copies from and to ${address}, got nothing.`);
    return folderStore({ source, destination }, avatar);
}

/**
 * Runs the trainer, saving its state from time to time.
 *
 * @param {string[]} words
 * @param {import('./store.mjs').Store} store
 * @returns {Promise<{ code: number, message: string }>} exit code, and the last line of its standard error
 */
async function train(words, store) {
    // A process group of its own: Ctrl-C must reach it once, through us; a second one means "lose what is not saved".
    training = spawn(process.execPath, [trainer, ...words], { stdio: ['ignore', 'inherit', 'pipe'], detached: true });
    let tail = '';
    training.stderr?.on('data', (/** @type {Buffer} */ bytes) => {
        process.stderr.write(bytes);
        tail = (tail + bytes).slice(-4000);
    });
    let pushing = Promise.resolve();
    const save = () => {
        const warn = (/** @type {Error} */ error) => say(`could not save yet: ${error.message}`);
        pushing = pushing.then(() => store.push()).catch(warn);
    };
    const timer = setInterval(save, 1000 * Number(process.env['PGS_PUSH_SECONDS'] || 600));
    const code = await new Promise((done) => {
        training?.on('error', () => done(EXIT.failure));
        training?.on('close', (exit, signal) => {
            if (signal !== null) tail += `\nkilled by ${signal}; SIGKILL: out of memory, most likely`;
            done(exit ?? EXIT.failure);
        });
    });
    clearInterval(timer);
    await pushing;
    return { code, message: tail.trim().split('\n').at(-1)?.trim() ?? '' };
}
