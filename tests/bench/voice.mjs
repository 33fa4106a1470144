// `npm run bench:voice`: TypeScript is imported as it is, so what is measured is what ships.
import { register as registerLoader } from 'node:module';
import { register } from 'tsx/esm/api';

register();
registerLoader('../../tools/trainer-node/bin/wgsl-loader.mjs', import.meta.url);
const { main } = await import('./voice/main.ts');
const code = await main(process.argv.slice(2));
process.stdout.write('', () => process.exit(code));
