/** The whole of `engine: 'worklet'` but the browser: main thread's side, processor, runner and a real program image. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DELAY, HOP } from '../constants.js';
import { DirectChannel } from '../direct-client.js';
import { serveRuntime } from './images.js';

const LATENCY = HOP + DELAY;
const QUANTUM = 128;
const ASSETS = 'https://app.example/runtime/';

/** Processor classes by name. @type {Record<string, any>} */
const processors = {};
/** @type {Record<string, Uint8Array>} */
let files;
const { fetch } = globalThis;

before(async () => {
  files = serveRuntime(ASSETS);
  Object.assign(globalThis, {
    AudioWorkletProcessor: class {
      port = { onmessage: (/** @type {any} */ _) => {}, postMessage: (/** @type {any} */ message) => this.nodeReports.push(message) };
      /** @type {any[]} */
      nodeReports = [];
    },
    registerProcessor: (/** @type {string} */ name, /** @type {any} */ type) => (processors[name] = type),
  });
  await import('../processor.js');
});

after(() => {
  globalThis.fetch = fetch;
});

/** A node with its channel, connected as percepnet.js does. @param {number} limit dB */
async function connected(limit) {
  /** @type {any[]} */
  const messages = [];
  const channel = new DirectChannel(ASSETS, (message) => messages.push(message));
  const info = await channel.request({ type: 'open', model: '', attenuationLimit: limit });
  const processor = new processors['percepnet-direct']({ processorOptions: { enabled: true } });
  const { port1, port2 } = new MessageChannel();
  channel.post({ type: 'connect', depth: HOP, port: /** @type {any} */ (port1) });
  processor.port.onmessage({ data: { port: port2 } });
  const until = async (/** @type {(message: any) => boolean} */ condition) => {
    while (!messages.some(condition)) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  /** @param {Float32Array} input @returns {Float32Array} */
  const play = (input) => {
    const output = new Float32Array(input.length);
    for (let at = 0; at < input.length; at += QUANTUM) {
      assert.equal(processor.process([[input.subarray(at, at + QUANTUM)]], [[output.subarray(at, at + QUANTUM)]]), true);
    }
    return output;
  };
  return { channel, processor, messages, info, until, play };
}

/** Noise that begins with speech-like bursts. @param {number} length */
const sound = (length) => Float32Array.from({ length }, (_, i) => 0.1 * Math.sin(i * i * 1e-6) * Math.sin(i / 3000));

test('a suspended context loads the program, and then plays it 1920 samples late', async () => {
  const { channel, messages, info, until, play } = await connected(0);
  assert.equal(info.tier, 'c20');
  await until(({ type }) => type === 'stats'); // without one quantum rendered
  const input = sound(480 * 128);
  const output = play(input);
  for (let i = 3 * LATENCY; i < input.length; i++) {
    assert.ok(Math.abs(output[i] - input[i - LATENCY]) < 1e-5, `sample ${i}: ${output[i]}, not ${input[i - LATENCY]}`);
  }
  await until(({ type, frames }) => type === 'stats' && frames > 0);
  const stats = messages.findLast(({ type }) => type === 'stats');
  assert.deepEqual([stats.latency, stats.errors, stats.underruns, stats.tier], [40, 0, 0, 'c20']);
  assert.ok(stats.computeP99 > 0 && stats.heap > 1e6);
  channel.close();
});

test('noise is reduced, and what is done to it can be observed until the channel is closed: then it is raw', async () => {
  const { channel, processor, messages, until, play } = await connected(Infinity);
  channel.post({ type: 'observe', wanted: true });
  await until(({ type }) => type === 'stats');
  let seed = 1;
  const noise = Float32Array.from({ length: 96_000 }, () => ((seed = (seed * 16807) % 2147483647) / 2147483647 - 0.5) * 0.02);
  const output = play(noise);
  const power = (/** @type {Float32Array} */ samples) => samples.reduce((sum, sample) => sum + sample * sample, 0);
  assert.ok(power(output.subarray(48_000)) < 0.1 * power(noise.subarray(48_000)), 'noise passes');
  await until(({ type }) => type === 'frame');
  assert.equal(messages.find(({ type }) => type === 'frame').gains.length, 34);
  channel.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const raw = play(noise);
  for (let i = 2 * LATENCY; i < raw.length; i++) assert.equal(raw[i], noise[i - LATENCY]);
  assert.equal(processor.alive, true);
});

test('a kernel that never arrives is asked for once more, and then given up in one error', async () => {
  const { timeout } = AbortSignal;
  const { fetch: serve } = globalThis;
  // Faster, and Node waits for it.
  AbortSignal.timeout = (ms) => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(new DOMException('timeout', 'TimeoutError')), ms / 100);
    return stop.signal;
  };
  let asked = 0;
  let hanging = Infinity;
  globalThis.fetch = /** @type {any} */ (
    (/** @type {any} */ url, /** @type {any} */ options) => {
      if (!String(url).endsWith('simd.wasm') || ++asked > hanging) return serve(String(url).replace('/hanging/', '/runtime/'));
      return new Promise((_, reject) => options.signal.addEventListener('abort', () => reject(options.signal.reason)));
    }
  );
  try {
    const open = () => new DirectChannel('https://app.example/hanging/', () => {}).request({ type: 'open', model: '', attenuationLimit: 0 });
    await assert.rejects(open(), { code: 'boot', message: /timeout/ });
    const given = asked;
    hanging = asked + 1;
    assert.equal((await open()).tier, 'c20');
    assert.deepEqual([given, asked], [2, 4]);
  } finally {
    AbortSignal.timeout = timeout;
    globalThis.fetch = serve;
  }
});

test('a damaged image is refused before it gets there', async () => {
  const name = `${ASSETS}models/c20.pni`;
  const whole = files[name];
  files[name] = whole.slice(0, -8);
  const other = 'https://app.example/other/';
  for (const file of ['kernel/relaxed.wasm', 'kernel/simd.wasm', 'models.json', 'models/c20.pni']) files[other + file] = files[ASSETS + file];
  files[name] = whole;
  const channel = new DirectChannel(other, () => {});
  await assert.rejects(channel.request({ type: 'open', model: '', attenuationLimit: 0 }), { code: 'model', message: /SHA-256 differs/ });
  delete files[`${other}kernel/simd.wasm`];
  const another = new DirectChannel(`${other}`, () => {});
  await assert.rejects(another.request({ type: 'open', model: '', attenuationLimit: 0 }), { code: 'boot', message: /simd\.wasm is missing: status 404/ });
});
