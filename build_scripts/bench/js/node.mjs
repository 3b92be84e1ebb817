/** Systems under Node: one JSON command a line on standard input, one answer a line. */
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { measure } from './measure.mjs';
import { make } from './subjects.mjs';

/** @type {Map<string, import('./measure.mjs').Subject>} */
const subjects = new Map();

const ACTIONS = {
  /** @param {any} command */
  async load({ name, system, model, audio, runtime, warm_up, kernel }) {
    const samples = await readFile(audio);
    const setting = {
      audio: new Float32Array(samples.buffer, samples.byteOffset, samples.length / 4),
      runtime: pathToFileURL(`${runtime}/`).href,
      indexURL: `${runtime}/`,
      source: await readFile(new URL('../stages.py', import.meta.url), 'utf8'),
      model: model ? new Uint8Array(await readFile(model)) : null,
      peers: '',
      kernel,
    };
    subjects.set(name, await make(system, setting, warm_up));
    return subjects.get(name)?.facts;
  },
  /** @param {any} command */
  run({ name, ...turn }) {
    return measure(/** @type {import('./measure.mjs').Subject} */ (subjects.get(name)), turn);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { action, ...command } = JSON.parse(line);
  let answer;
  try {
    answer = await ACTIONS[/** @type {keyof typeof ACTIONS} */ (action)](command);
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
