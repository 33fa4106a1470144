// Imports `x.wgsl?raw` as text, as the bundler does: the plugin's front files carry shaders that the trainer never runs.
import { readFile } from 'node:fs/promises';

export async function load(url, context, next) {
    if (!/\.wgsl(\?|$)/.test(url)) return next(url, context);
    const text = await readFile(new URL(url.replace(/\?.*$/, '')), 'utf8');
    return { format: 'module', shortCircuit: true, source: `export default ${JSON.stringify(text)};` };
}
