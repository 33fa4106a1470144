import { ensureNode, ensurePackages } from './bootstrap.mjs';

/** `npm start`: installs what is missing and serves the sandbox; opens a browser where there is a screen. */
ensureNode();
ensurePackages();

const hasScreen =
    process.platform === 'darwin' ||
    process.platform === 'win32' ||
    Boolean(process.env['DISPLAY'] || process.env['WAYLAND_DISPLAY']);

// In this process, not a child: whoever stops npm stops the server too. Vite reads its options from argv.
process.argv.splice(2, 0, '--mode', 'sandbox', ...(hasScreen ? ['--open'] : []));
await import('../node_modules/vite/bin/vite.js');
