/**
 * Finds small changes to the ring's pure parts that no test notices: `node worklet.mjs MODULE` (ring, run, blend or pump) prints JSON.
 *
 * Stryker's instrumenter says what to change. Each mutant, and the tests with it, is a folder of its own and is run in a
 * thread of its own; starting Node each time is what makes Stryker's own runner take hours. A thread that does not finish
 * in time is terminated, and the mutant counts as noticed. The tests are the package's own, with a `node:test` that stops at the first failure.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const TESTS = ['ring.test.js', 'blend.test.js', 'pump.test.js', 'fuzz.test.js'];
const FOLDER = fileURLToPath(new URL('../../build/mutation/worklet/', import.meta.url));
const WORKLET = fileURLToPath(new URL('../../worklet/', import.meta.url));
/** A mutant's time limit: this many times what the unchanged code takes, plus this many ms, in case the machine is busy. */
const TIME_LIMIT = { factor: 2, extra: 30_000 };

/** Collects the tests instead of running them. */
const STAND_IN = `
export { mock } from 'node:test';
export const collected = [];
export const test = (name, ...rest) => collected.push({ name, work: rest.at(-1) });
export const describe = (name, work) => work();
`;

if (isMainThread) await main(process.argv[2]);
else parentPort.postMessage(await runTests(workerData));

/** @param {string} name */
async function main(name) {
  const { Instrumenter } = await import('@stryker-mutator/instrumenter');
  const quiet = { debug() {}, info() {}, isDebugEnabled: () => false };
  process.env.SEEDS ??= '4';
  rmSync(FOLDER, { recursive: true, force: true });
  const unchanged = prepare('unchanged');
  const began = performance.now();
  const failure = await run(unchanged, 600_000);
  if (failure) throw new Error(`fails without a mutant: ${failure}`);
  const limit = TIME_LIMIT.extra + TIME_LIMIT.factor * (performance.now() - began);

  const file = `${name}.js`;
  const content = readFileSync(`${WORKLET}${file}`, 'utf8');
  const asked = [{ name: file, mutate: true, content }];
  const { mutants: planned } = await new Instrumenter(quiet).instrument(asked, { plugins: null, excludedMutations: [], ignorers: [] });
  const mutants = [];
  for (const { id, location, replacement } of planned) {
    const folder = prepare(id);
    const [start, end] = [location.start, location.end].map((at) => offset(content, at));
    const mutant = content.slice(0, start) + replacement + content.slice(end);
    writeFileSync(`${folder}/${file}`, mutant);
    const noticed = (await run(folder, limit)) ?? '';
    rmSync(folder, { recursive: true });
    const line = location.start.line + 1;
    const change = `${lines(content, start, end)} -> ${lines(mutant, start, start + replacement.length)}`;
    mutants.push({ line, change, noticed });
    console.error(`${file}:${line}: ${content.slice(start, end)} -> ${replacement}: ${noticed || 'SURVIVES'}`.replace(/\s+/g, ' ').slice(0, 200));
  }
  console.log(JSON.stringify({ tests: TESTS, mutants }));
}

/** A folder with the modules and their tests. @param {string} id */
function prepare(id) {
  const folder = `${FOLDER}${id}`;
  mkdirSync(`${folder}/test`, { recursive: true });
  writeFileSync(`${folder}/package.json`, '{"type": "module"}');
  for (const file of readdirSync(WORKLET)) if (file.endsWith('.js')) cpSync(WORKLET + file, `${folder}/${file}`);
  for (const file of [...TESTS, 'rig.js', 'signal.js']) {
    const source = readFileSync(`${WORKLET}test/${file}`, 'utf8');
    writeFileSync(`${folder}/test/${file}`, source.replace("from 'node:test'", "from './stand-in.js'"));
  }
  writeFileSync(`${folder}/test/stand-in.js`, STAND_IN);
  return folder;
}

/** In a thread: run the tests up to the first that fails. @param {string} folder @returns {Promise<string | undefined>} which, and why */
async function runTests(folder) {
  const address = (/** @type {string} */ name) => pathToFileURL(`${folder}/test/${name}`).href;
  const { collected } = await import(address('stand-in.js'));
  const alive = setInterval(() => {}, 1000); // else a test that waits for nothing would end the thread
  try {
    for (const name of TESTS) {
      collected.length = 0;
      await import(address(name));
      for (const { name, work } of collected) {
        const afterwards = [];
        try {
          await work({ after: (/** @type {() => void} */ clean) => afterwards.push(clean) });
        } catch (error) {
          return `${name}: ${error}`;
        } finally {
          for (const clean of afterwards) clean();
        }
      }
    }
  } catch (error) {
    return `cannot be loaded: ${error}`;
  } finally {
    clearInterval(alive);
  }
}

/** @param {string} folder @param {number} limit ms @returns {Promise<string | undefined>} what failed */
async function run(folder, limit) {
  const worker = new Worker(new URL(import.meta.url), { workerData: folder });
  const answer = await new Promise((resolve) => {
    const timer = setTimeout(() => resolve('does not end'), limit);
    worker.on('message', (message) => resolve(message, clearTimeout(timer)));
    worker.on('error', (error) => resolve(`${error}`, clearTimeout(timer)));
    worker.on('exit', (code) => resolve(`ends with ${code}`, clearTimeout(timer)));
  });
  await worker.terminate();
  return answer;
}

/** @param {string} text @param {{line: number, column: number}} at both from 0 */
function offset(text, { line, column }) {
  let start = 0;
  for (let i = 0; i < line; i++) start = text.indexOf('\n', start) + 1;
  return start + column;
}

/** The whole lines of a stretch of text, in one. @param {string} text @param {number} start @param {number} end */
function lines(text, start, end) {
  const [from, to] = [text.lastIndexOf('\n', start - 1) + 1, text.indexOf('\n', end)];
  return text.slice(from, to).trim().replace(/\s+/g, ' ');
}
