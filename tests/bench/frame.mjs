// `npm run bench`: TypeScript and WGSL are imported as they are, like the trainer's, so what is timed is what ships.
import { register as registerLoader } from 'node:module';
import { register } from 'tsx/esm/api';

register();
registerLoader('../../tools/trainer-node/bin/wgsl-loader.mjs', import.meta.url);
const { main } = await import('./frame/main.ts');
// Dawn's threads outlive the work; what was written is flushed first.
const code = await main(process.argv.slice(2));
process.stdout.write('', () => process.exit(code));
