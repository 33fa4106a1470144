import { readOptions } from './options.js';
import { byId } from './ui/dom.js';
import { describe, States } from './ui/states.js';
import { findObstacleAsync } from './webgpu.js';

const options = readOptions(location.search);
document.documentElement.dataset['ui'] = options.hasUi ? '1' : '0';
document.documentElement.dataset['ready'] = 'false';

const states = new States();
states.showLoading('Starting the engine');
try {
    const obstacle = await findObstacleAsync();
    if (obstacle === null) await startAsync();
    else states.showUnsupported(obstacle);
} catch (error) {
    console.error(error);
    states.showError('The page could not start', error, 'Reload the page. The browser console has the details.');
}

async function startAsync(): Promise<void> {
    // Only now: a browser without WebGPU need not fetch an engine to read why.
    const [{ App }, { createEngineAsync }] = await Promise.all([import('./app.js'), import('./engine.js')]);
    const canvas = byId('view', HTMLCanvasElement);
    const engine = await createEngineAsync(canvas, options.scale).catch((error: unknown) => {
        states.showUnsupported(`The browser offers it, but it could not be started: ${describe(error).message}`);
        return null;
    });
    if (engine === null) return;
    states.showLoading('Building the room');
    // Lets the line above be painted: the textures keep the thread for a moment.
    await new Promise((resolve) => setTimeout(resolve, 30));
    await new App(engine, canvas, options, states).startAsync();
}
