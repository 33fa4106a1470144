#!/usr/bin/env node
// The installed command; in a checkout it is bin/pgstalker.mjs. A file of its own: what lib/ loads later imports lib/cli.js.
import { main } from '../lib/cli.js';

process.exitCode = await main(process.argv.slice(2));
