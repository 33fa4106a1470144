import { readFileSync } from 'node:fs';

/** What cannot be tried again with any hope; train-one exits with 2. */
export class ManifestError extends Error {}

/** Options of `pgstalker train` that train-one sets itself, or that would not survive a second attempt. */
const RESERVED = ['-o', '--output', '--run', '--resume', '--extend', '--average'];

/**
 * One avatar of a manifest: a file with a JSON object a line, `{"name": "ava", "dataset": "clips/ava", "train": ["--preset", "fast"]}`.
 * `dataset` lies under the source; `train` is optional. Empty lines do not count.
 *
 * @param {string} path
 * @param {string} index  from 0, as schedulers count
 * @returns {{ name: string, dataset: string, train: string[], count: number }}
 */
export function readAvatar(path, index) {
    const lines = readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line.trim() !== '');
    const avatars = lines.map((line, i) => parseLine(`${path}, avatar ${i}`, line));
    const names = avatars.map(({ name }) => name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) throw new ManifestError(`${path}: expected each name once, got "${twice}" twice.`);
    const avatar = /^\d+$/.test(index) ? avatars[Number(index)] : undefined;
    if (avatar === undefined)
        throw new ManifestError(`${path}: expected an index from 0 to ${avatars.length - 1}, got "${index}".`);
    return { ...avatar, count: avatars.length };
}

/** @param {string} where @param {string} line */
function parseLine(where, line) {
    const refuse = (/** @type {string} */ expected, /** @type {unknown} */ got) =>
        new ManifestError(`${where}: expected ${expected}, got ${JSON.stringify(got) ?? 'nothing'}.`);
    let entry;
    try {
        entry = JSON.parse(line);
    } catch {
        throw refuse('a JSON object on one line', line);
    }
    const { name, dataset, train = [], ...rest } = entry ?? {};
    // The name becomes a folder.
    if (typeof name !== 'string' || !/^[A-Za-z0-9][\w.-]*$/.test(name))
        throw refuse('a name of letters, digits, "_", "-" and "."', name);
    if (typeof dataset !== 'string' || dataset === '') throw refuse('the path of a dataset', dataset);
    if (!Array.isArray(train) || !train.every((word) => typeof word === 'string'))
        throw refuse('"train" as a list of words', train);
    const reserved = train.find((word) => RESERVED.includes(word.replace(/=.*$/, '')));
    if (reserved !== undefined) throw refuse('"train" without what train-one sets itself', reserved);
    if (Object.keys(rest).length > 0) throw refuse('name, dataset and train alone', Object.keys(rest)[0]);
    return { name, dataset, train };
}
