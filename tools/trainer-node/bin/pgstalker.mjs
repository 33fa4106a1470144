#!/usr/bin/env node
// The trainer is TypeScript run as it is: tsx compiles on import, so there is no build step and no stale output.
import { register as registerLoader } from 'node:module';
import { register } from 'tsx/esm/api';

register();
registerLoader('./wgsl-loader.mjs', import.meta.url);
const { main } = await import('../src/cli.ts');
process.exitCode = await main(process.argv.slice(2));
