/**
 * Minutes of audio through the real worker and ring, as fast as they go: `node simulated.mjs SITE MINUTES` prints JSON.
 *
 * The worker is worker.js in a thread of its own, with Pyodide and the shipped model, over shared memory. The audio thread is
 * Blend, driven here quantum by quantum: every 4 quanta it waits until the worker has done all whole frames, so that the
 * result does not depend on the machine. The clock begins so that it wraps half-way.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

const [site, minutes] = [pathToFileURL(`${resolve(process.argv[2])}/`), Number(process.argv[3])];
const [{ Blend, STATE }, { DELAY, HOP, SAMPLE_RATE }, { Ring, WORD }] = await Promise.all(
  ['blend.js', 'constants.js', 'ring.js'].map((name) => import(new URL(`worklet/${name}`, site))),
);

// Our worker gives Pyodide the runtime's URL, which under Node it takes for a path: make it one.
const here = mkdtempSync(join(tmpdir(), 'soak-'));
symlinkSync('/', join(here, 'file:'));
process.chdir(here);
process.on('exit', () => rmSync(here, { recursive: true }));

const DEPTH = 1920;
const QUANTUM = 128;
const MINUTE = 60 * SAMPLE_RATE;
const TOTAL = Math.floor((minutes * MINUTE) / (4 * QUANTUM)) * 4 * QUANTUM;
/** Of every fifth minute, beginning with the first: the microphone is muted. */
const MUTED = { from: 40 * SAMPLE_RATE, to: 45 * SAMPLE_RATE };
/** The last so many samples of each minute are compared for the delay. */
const WINDOW = 4 * SAMPLE_RATE;
const REACH = HOP;

const clip = readClip(new URL('clips/noisy.wav', site));
const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData: new URL('worklet/worker.js', site).href });
const told = {};
const waiting = new Map();
worker.on('message', (message) => {
  if (message.type === 'failed' || message.type === 'error' || message.code) fail(message.message);
  told[message.type] = message;
  waiting.get(message.type)?.(message);
  waiting.delete(message.type);
});
worker.on('error', (error) => fail(error.stack));
const answer = (type) => new Promise((resolve) => waiting.set(type, resolve));

worker.postMessage({ type: 'boot', assets: new URL('runtime/', site).href });
worker.postMessage({ type: 'open', id: 1, token: 1, model: '', attenuationLimit: Infinity });
const { info } = await answer('answer');

const ring = Ring.shared();
const blend = new Blend(ring, { depth: DEPTH, start: (2 ** 31 - TOTAL / 2) | 0 });
worker.postMessage({ type: 'connect', id: 1, depth: DEPTH, buffer: ring.buffer });

while (ring.load(WORD.NEEDED) === 0) await new Promise(setImmediate); // it serves from the first sample on

const input = new Float32Array(QUANTUM);
const output = new Float32Array(QUANTUM);
const heard = new Float32Array(WINDOW + 2 * REACH);
const said = new Float32Array(WINDOW + 2 * REACH + DEPTH + DELAY);
const digest = createHash('sha256');
const states = {};
const rows = [];
let waits = 0;
const started = performance.now();
for (let sample = 0; sample < TOTAL; sample += QUANTUM) {
  speak(sample);
  const { active } = blend;
  blend.render(input, output);
  if (sample < MINUTE) digest.update(output); // of simulations of different lengths
  states[blend.state] = (states[blend.state] ?? 0) + 1;
  keep(said, input);
  keep(heard, output);
  // A worker that is called from its rest begins with the sample that it finds.
  if ((sample / QUANTUM) % 4 === 3 || blend.active !== active) await drained();
  if ((sample + QUANTUM) % MINUTE === 0) rows.push(await look((sample + QUANTUM) / MINUTE));
}
await answer('stats');
const seconds = (performance.now() - started) / 1000;
await worker.terminate();
console.log(
  JSON.stringify({
    minutes,
    times_real_time: TOTAL / SAMPLE_RATE / seconds,
    tier: info.tier,
    kernel: info.kernel,
    frames: told.stats.frames,
    skipped: told.stats.skipped,
    errors: told.stats.errors,
    quanta: blend.quanta,
    underruns: blend.underruns,
    enhanced_quanta: states[STATE.ENHANCED],
    resting_quanta: states[STATE.RESTING],
    all_quanta: TOTAL / QUANTUM,
    sha256: digest.digest('hex'),
    by_minute: rows,
  }),
);

/** @param {number} sample */
function speak(sample) {
  const minute = Math.floor(sample / MINUTE);
  const within = sample % MINUTE;
  if (minute % 5 === 0 && within >= MUTED.from && within < MUTED.to) return input.fill(0);
  // Near and far talkers in turn, so that an hour is not one clip.
  const gain = 0.25 + 0.75 * Math.abs(Math.sin(1 + Math.floor(sample / clip.length)));
  for (let i = 0; i < QUANTUM; i++) input[i] = gain * clip[(sample + i) % clip.length];
}

/** Append a quantum to a window of the latest samples. */
function keep(window, quantum) {
  window.copyWithin(0, QUANTUM);
  window.set(quantum, window.length - QUANTUM);
}

/** Until the worker has done every whole frame, or knows that it may rest. */
async function drained() {
  for (let looks = 0; ; looks++) {
    const needed = ring.load(WORD.NEEDED);
    const missing = (needed - ring.load(WORD.WRITTEN)) | 0;
    if (missing > 0 && (blend.active ? missing <= HOP : missing > HOP)) break;
    Atomics.wait(ring.words, WORD.NEEDED, needed, 0.2);
    if (looks % 1000 === 999) await new Promise(setImmediate); // so that a failure is noticed
  }
  if (++waits % 100 === 0) await new Promise(setImmediate); // and the statistics are heard
}

/** @param {number} minute */
async function look(minute) {
  worker.postMessage({ type: 'memory' });
  const { heap } = await answer('memory');
  const { heap: wasm } = told.stats ?? (await answer('stats'));
  return { minute, delay: delay(), wasm_bytes: wasm, worker_heap_bytes: heap, rss_bytes: process.memoryUsage().rss };
}

/** @returns {number} samples from input to output: where their correlation is largest */
function delay() {
  let best = { product: -Infinity, lag: 0 };
  for (let lag = DEPTH + DELAY - REACH; lag <= DEPTH + DELAY + REACH; lag++) {
    const shift = said.length - heard.length - lag;
    let product = 0;
    for (let i = REACH; i < REACH + WINDOW; i++) product += heard[i] * said[i + shift];
    if (product > best.product) best = { product, lag };
  }
  return best.lag;
}

/** @param {URL} url of a WAV file with 16 bits, mono, 48 kHz @returns {Float32Array} */
function readClip(url) {
  const bytes = readFileSync(url);
  const [format, channels, rate, bits] = [bytes.readUInt16LE(20), bytes.readUInt16LE(22), bytes.readUInt32LE(24), bytes.readUInt16LE(34)];
  if (format !== 1 || channels !== 1 || rate !== SAMPLE_RATE || bits !== 16) fail(`${url}: ${[format, channels, rate, bits]}`);
  const data = bytes.subarray(44);
  return Float32Array.from({ length: Math.floor(data.length / 2) }, (_, i) => data.readInt16LE(2 * i) / 32768);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
