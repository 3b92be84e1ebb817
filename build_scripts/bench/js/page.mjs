/**
 * The page that owns the Workers; chromium.py calls load() and run(). It must have nothing else to do.
 *
 * Chromium slows a page's own thread on demand, and no Worker: systems to be measured slowed down live here.
 */
import { measure } from './measure.mjs';
import { PEERS } from './peers.mjs';
import { make } from './subjects.mjs';

/** @type {Map<string, import('./measure.mjs').Subject>} */
const here = new Map();

/** @type {Map<string, Worker>} */
const workers = new Map();

/**
 * @param {string} name
 * @param {object} message
 * @returns {Promise<object>}
 */
function ask(name, message) {
  const worker = /** @type {Worker} */ (workers.get(name));
  return new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(event.message || `the worker of ${name} could not be loaded`));
    worker.onmessage = ({ data }) => (data.error ? reject(new Error(`${name}: ${data.error}`)) : resolve(data.answer));
    worker.postMessage(message);
  });
}

/**
 * @param {{name: string, system: string, model: string | null, warm_up: number, kernel: string, worker: boolean}} command
 */
async function load({ name, system, model, warm_up, kernel, worker }) {
  const bytes = async (/** @type {string} */ url) => (await fetch(url)).arrayBuffer();
  const address = (/** @type {string} */ path) => new URL(path, location.href).href;
  const setting = {
    audio: new Float32Array(await bytes('audio.f32')),
    runtime: address('site/runtime/'),
    source: await (await fetch('bench/stages.py')).text(),
    model: model ? new Uint8Array(await bytes(model)) : null,
    peers: address('peers/'),
    kernel,
  };
  if (!worker) {
    const subject = await make(system, setting, warm_up);
    here.set(name, subject);
    return subject.facts;
  }
  workers.set(name, new Worker('bench/js/worker.mjs', { type: 'module' }));
  return ask(name, { action: 'load', system, setting, warmUp: warm_up });
}

/** @param {{name: string} & import('./measure.mjs').Turn} command */
async function run({ name, ...turn }) {
  const subject = here.get(name);
  return subject ? measure(subject, turn) : ask(name, { action: 'run', turn });
}

/**
 * Run all of the audio through one of the other suppressors.
 *
 * @param {{system: string}} command
 * @returns {Promise<{length: number, samples: string}>} samples it takes at a time; its output, float32 in base64
 */
async function pass({ system }) {
  const audio = new Float32Array(await (await fetch('audio.f32')).arrayBuffer());
  const { length, process } = await PEERS[system](new URL('peers/', location.href).href);
  const output = new Float32Array(audio.length);
  for (let at = 0; at + length <= audio.length; at += length) output.set(process(audio.subarray(at, at + length)), at);
  return { length, samples: new Uint8Array(output.buffer).toBase64() };
}

Object.assign(globalThis, { bench: { load, run, pass } });
