#!/usr/bin/env node
/**
 * `npx percepnet-wasm copy FOLDER [--worklet]`: copy what a web server has to serve out of this package.
 *
 * FOLDER gets `runtime/`, which the enhancer's worker loads and no bundler can see; with --worklet also `worklet/` and
 * `service-worker.js`, for pages that use the script tag or import the modules without a bundler.
 */
import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const PACKAGE = fileURLToPath(new URL('.', import.meta.url));
const { name: NAME } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'));
const USAGE = `usage: ${NAME} copy FOLDER [--worklet]`;

function main() {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { worklet: { type: 'boolean' } } });
  const [command, folder, ...others] = positionals;
  if (command !== 'copy' || !folder || others.length) throw new Error(USAGE);
  mkdirSync(folder, { recursive: true });
  for (const name of ['runtime', ...(values.worklet ? ['worklet'] : [])]) {
    // The worker accepts no file but this version's: none of an older one may stay.
    rmSync(join(folder, name), { recursive: true, force: true });
    cpSync(join(PACKAGE, name), join(folder, name), { recursive: true, filter: (path) => !path.endsWith('types') });
  }
  if (values.worklet) cpSync(join(PACKAGE, 'service-worker.js'), join(folder, 'service-worker.js'));
  console.log(`${NAME}: ${folder} has runtime/${values.worklet ? ', worklet/ and service-worker.js' : ''}`);
}

try {
  main();
} catch (error) {
  console.error(`${NAME}: ${/** @type {Error} */ (error).message}`);
  process.exitCode = 2;
}
