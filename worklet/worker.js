/**
 * The enhancer's thread: boots Pyodide, makes the Python Enhancer, warms it up and serves a ring.
 *
 *     main -> worker   {type: 'boot', assets, attenuationLimit}             once
 *                      {type: 'connect', depth, buffer | port}              the transport to serve; after ready
 *                      {type: 'attenuationLimit', value}                    dB
 *     worker -> main   {type: 'progress', stage, bytes}  {type: 'ready', info}  {type: 'stats', ...}
 *                      {type: 'error', code: 'boot' | 'enhancer', message}  nothing more comes after it
 *
 * Samples go straight between the ring and NumPy's memory: one copy each way, no Python object a frame.
 */
import { DELAY, HOP, SAMPLE_RATE } from './constants.js';
import { WorkerLink } from './link.js';
import { Pump } from './pump.js';
import { Ring, WORD } from './ring.js';

/** V8 needs about this many frames to compile the hot path at full speed; before that a frame may miss its deadline. */
const WARM_UP_FRAMES = 300;

const STATS_INTERVAL = 500; // ms

/** ms between looks at the clock while the audio is stopped; messages arrive meanwhile. */
const IDLE = 250;

const main = /** @type {Worker} */ (/** @type {unknown} */ (globalThis));

/** @type {ReturnType<typeof wrap> | undefined} */
let enhancer;
/** Counts the connections: only the last one is served. */
let connection = 0;
let attenuationLimit = Infinity;

main.onmessage = (/** @type {MessageEvent} */ { data }) => {
  if (data.type === 'boot') {
    attenuationLimit = data.attenuationLimit;
    boot(data.assets).catch((error) => fail('boot', error));
  } else if (data.type === 'connect') {
    serve(data);
  } else if (data.type === 'attenuationLimit') {
    attenuationLimit = data.value;
    enhancer?.setAttenuationLimit(attenuationLimit);
  }
};

// Pyodide leaves some failed downloads to nobody, and the loop below has no caller to tell.
main.addEventListener('unhandledrejection', (event) => {
  event.preventDefault();
  fail(enhancer ? 'enhancer' : 'boot', /** @type {PromiseRejectionEvent} */ (event).reason);
});

/** @param {string} assets URL of the runtime folder */
async function boot(assets) {
  progress('runtime');
  const { loadPyodide } = await import(new URL('pyodide.mjs', assets).href);
  const pyodide = await loadPyodide({ indexURL: assets });
  progress('packages');
  /** @type {string[]} */
  const problems = [];
  await pyodide.loadPackage('percepnet-wasm', {
    messageCallback: () => {},
    errorCallback: (/** @type {string} */ text) => problems.push(text),
  });
  if (problems.length > 0) throw new Error(problems.join('; '));
  progress('model');
  const module = pyodide.pyimport('percepnet_wasm');
  const made = wrap(module.Enhancer());
  made.setAttenuationLimit(attenuationLimit);
  progress('warm-up');
  warmUp(made);
  const facts = module.info();
  const info = facts.toJs({ dict_converter: Object.fromEntries });
  facts.destroy();
  enhancer = made;
  main.postMessage({ type: 'ready', info });
}

/**
 * The Python object as Pump sees it.
 *
 * @param {any} proxy PyProxy of percepnet_wasm.Enhancer
 */
function wrap(proxy) {
  const { step, reset } = proxy;
  return {
    input: heapView(proxy.input),
    output: heapView(proxy.output),
    step: () => step(),
    reset: () => reset(),
    /** @param {number} limit dB */
    setAttenuationLimit(limit) {
      proxy.attenuation_limit_db = limit;
    },
    /** What the enhancer thinks of the sound; read rarely. */
    observe: () => ({ voiceActivity: Number(proxy.voice_activity), snr: Number(proxy.snr_db) }),
  };
}

/**
 * A NumPy array's own memory. When the WebAssembly heap grows every view on it is detached (length 0): take a new one.
 *
 * @param {any} array PyProxy of a float32 array of HOP samples that lives as long as the enhancer
 * @returns {() => Float32Array}
 */
function heapView(array) {
  let buffer = array.getBuffer('f32');
  if (buffer.data.length !== HOP) throw new Error(`the enhancer's frame has ${buffer.data.length} samples, not ${HOP}`);
  return () => {
    if (buffer.data.length === 0) {
      buffer.release();
      buffer = array.getBuffer('f32');
    }
    return buffer.data;
  };
}

/** Run on faint noise, so that every branch of the hot path is compiled. @param {import('./pump.js').FrameEnhancer} made */
function warmUp(made) {
  for (let frame = 0; frame < WARM_UP_FRAMES; frame++) {
    const input = made.input();
    for (let i = 0; i < HOP; i++) input[i] = 1e-3 * (Math.random() - 0.5);
    made.step();
  }
  made.reset();
}

/** @param {{depth: number, buffer?: SharedArrayBuffer, port?: MessagePort}} transport */
function serve({ depth, buffer, port }) {
  if (!enhancer) return;
  const ring = buffer ? new Ring(buffer) : Ring.local();
  const pump = new Pump(ring, depth, enhancer);
  const timer = setInterval(() => stats(ring, pump, depth), STATS_INTERVAL);
  const mine = ++connection;
  const over = () => {
    if (pump.failure === undefined && connection === mine) return false;
    clearInterval(timer);
    if (pump.failure !== undefined) fail('enhancer', pump.failure);
    return true;
  };
  if (port) new WorkerLink(ring, port, pump, over);
  else void loop(ring, pump, over);
}

/** @param {Ring} ring @param {Pump} pump @param {() => boolean} over */
async function loop(ring, pump, over) {
  const turn = new MessageChannel();
  while (!over()) {
    const seen = ring.load(WORD.WRITTEN);
    if (pump.run()) {
      // Behind: still let messages in, by a task of our own.
      await new Promise((resolve) => {
        turn.port1.onmessage = resolve;
        turn.port2.postMessage(0);
      });
    } else {
      await ring.waitWritten(seen, IDLE);
    }
  }
}

let lastStats = { time: performance.now(), busy: 0 };

/** @param {Ring} ring @param {Pump} pump @param {number} depth */
function stats(ring, pump, depth) {
  if (!enhancer) return;
  const [computeP50, computeP99] = pump.percentiles(0.5, 0.99);
  const time = performance.now();
  const load = (pump.busy - lastStats.busy) / (time - lastStats.time);
  lastStats = { time, busy: pump.busy };
  main.postMessage({
    type: 'stats',
    latency: (1000 * (depth + DELAY)) / SAMPLE_RATE,
    computeP50,
    computeP99,
    load,
    frames: pump.frames,
    skipped: pump.skipped,
    errors: pump.errors,
    quanta: ring.load(WORD.QUANTA),
    underruns: ring.load(WORD.UNDERRUNS),
    ...enhancer.observe(),
  });
}

/** @param {string} stage */
function progress(stage) {
  const files = /** @type {PerformanceResourceTiming[]} */ (performance.getEntriesByType('resource'));
  const bytes = files.reduce((sum, file) => sum + file.decodedBodySize, 0);
  main.postMessage({ type: 'progress', stage, bytes });
}

/** @param {'boot' | 'enhancer'} code @param {unknown} error */
function fail(code, error) {
  const text = error instanceof Error ? error.message : String(error);
  // A Python error carries its whole traceback; its last line says what happened.
  main.postMessage({ type: 'error', code, message: text.trim().split('\n').at(-1) });
}
