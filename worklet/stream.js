/**
 * One client's stream in the worker: its own Python Enhancer on a shared model, the loop that serves its ring, what is told
 * about it, and what is done when the machine does not keep up.
 *
 *     opened --connect()--> served (again after each connect()) --close()--> nothing left of it
 */
import { DELAY, SAMPLE_RATE } from './constants.js';
import { WorkerLink } from './link.js';
import { Overload } from './overload.js';
import { Pump } from './pump.js';
import { Ring, WORD } from './ring.js';
import { turn } from './runtime.js';
import { nextSmaller } from './tiers.js';

const STATS_INTERVAL = 500; // ms

/** ms between frames told to observers: 25 a second, about what a display shows. */
const FRAME_INTERVAL = 40;

/** ms between looks at the clock while the audio is stopped; messages arrive meanwhile. */
const IDLE = 250;

/**
 * @typedef {{enhancer: import('./enhancer.js').Enhancer, model: import('./models.js').Held}} Engine
 * @typedef {{ring: Ring, pump: Pump, depth: number}} Service
 *
 * @typedef {object} StreamStats counted from the connection of the node
 * @property {number} latency from input to output, ms
 * @property {number} computeP50 median of the last 512 frames' compute times, ms
 * @property {number} computeP99
 * @property {number} load share of a core spent on this stream's frames since the last statistics
 * @property {number} frames computed
 * @property {number} skipped frames left out because they were too late to be heard
 * @property {number} errors frames that failed
 * @property {number} quanta played while enhanced sound was due
 * @property {number} underruns of them, those that were raw because frames were late
 * @property {string} tier
 * @property {string} kernel what computes: 'relaxed' or 'simd' (WebAssembly), or 'numpy'
 * @property {string} kernelReason why a faster one is not used; '' if there is none
 * @property {number} heap of the worker's WebAssembly memory, bytes, all instances together
 * @property {number} snr of the input, estimated, dB
 * @property {number} voiceActivity probability of speech, 0 to 1
 */

export class Stream {
  /** @type {Engine | undefined} in use */
  #engine;
  /** @type {Service | undefined} */
  #service;
  /** Changes of the model, one after the other. @type {Promise<unknown>} */
  #changes = Promise.resolve();
  #closed = false;
  /** Of what was played, and of what was computed: a machine that never gets as far as to be heard plays nothing late. */
  #overload = { played: new Overload(), computed: new Overload() };
  /** Whether something is being done about it. */
  #relieving = false;
  #load = { time: 0, busy: 0 };
  /** @type {ReturnType<typeof setInterval> | undefined} */ #stats;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #frames;
  #framesTold = 0;
  #runtime;
  #models;
  #tell;
  #limit = Infinity;

  /**
   * @param {import('./runtime.js').Runtime} runtime
   * @param {import('./models.js').Models} models
   * @param {(type: string, detail: object) => void} tell the client
   */
  constructor(runtime, models, tell) {
    this.#runtime = runtime;
    this.#models = models;
    this.#tell = tell;
  }

  /**
   * Run this model from now on. While it is fetched the old one runs on; over to it is a cross-fade.
   *
   * @param {string | Promise<string>} name as Models.acquire() takes it
   * @returns {Promise<Record<string, any>>} what runs
   * @throws {PercepNetError} 'model': the old one runs on
   */
  use(name) {
    const change = this.#changes.then(async () => this.#change(await name));
    this.#changes = change.catch(() => {});
    return change;
  }

  /** @param {string} name */
  async #change(name) {
    const model = await this.#models.acquire(name);
    let enhancer;
    try {
      enhancer = this.#runtime.enhancer(model.proxy);
      await this.#runtime.warmUp(enhancer);
    } catch (error) {
      enhancer?.release();
      this.#models.release(model);
      throw error;
    }
    if (this.#closed) {
      this.#release({ enhancer, model });
      throw new Error('closed meanwhile');
    }
    enhancer.attenuationLimit = this.#limit;
    const old = this.#engine;
    this.#engine = { enhancer, model };
    if (this.#service) this.#service.pump.replace(enhancer, () => this.#release(old));
    else this.#release(old);
    return enhancer.info;
  }

  /** @param {{depth: number, buffer?: SharedArrayBuffer, port?: MessagePort}} transport to serve from now on, alone */
  connect({ depth, buffer, port }) {
    if (!this.#engine || this.#closed) return;
    this.#disconnect();
    const ring = buffer ? new Ring(buffer) : Ring.local();
    const pump = new Pump(ring, depth, this.#engine.enhancer);
    const service = { ring, pump, depth };
    this.#service = service;
    this.#load = { time: performance.now(), busy: 0 };
    this.#overload = { played: new Overload(), computed: new Overload() };
    this.#stats = setInterval(() => this.#look(service), STATS_INTERVAL);
    const over = () => {
      if (this.#service !== service) return true;
      if (pump.failure === undefined) return false;
      this.#tell('error', { code: 'enhancer', message: lastLine(pump.failure) });
      this.close();
      return true;
    };
    if (port) new WorkerLink(ring, port, pump, over);
    else void loop(ring, pump, over);
  }

  /** @param {number} value dB */
  set attenuationLimit(value) {
    this.#limit = value;
    if (this.#engine) this.#engine.enhancer.attenuationLimit = value;
  }

  /** Whether to tell what the enhancer does to the frames; costs nothing otherwise. @param {boolean} wanted */
  set observed(wanted) {
    clearInterval(this.#frames);
    this.#frames = wanted ? setInterval(() => this.#tellFrame(), FRAME_INTERVAL) : undefined;
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.observed = false;
    this.#disconnect();
    this.#release(this.#engine);
    this.#engine = undefined;
  }

  #disconnect() {
    clearInterval(this.#stats);
    this.#service?.pump.abandon();
    this.#service = undefined;
  }

  /** @param {Engine | undefined} engine */
  #release(engine) {
    engine?.enhancer.release();
    if (engine) this.#models.release(engine.model);
  }

  /** Tell how it goes; do something if it goes badly. @param {Service} service */
  #look({ ring, pump, depth }) {
    if (!this.#engine) return;
    const { enhancer } = this.#engine;
    const [computeP50, computeP99] = pump.percentiles(0.5, 0.99);
    const time = performance.now();
    const load = (pump.busy - this.#load.busy) / (time - this.#load.time);
    this.#load = { time, busy: pump.busy };
    const quanta = ring.load(WORD.QUANTA);
    const underruns = ring.load(WORD.UNDERRUNS);
    const { tier, kernel, kernels_refused: refused } = enhancer.info;
    /** @type {StreamStats} */
    const stats = {
      latency: (1000 * (depth + DELAY)) / SAMPLE_RATE,
      computeP50,
      computeP99,
      load,
      frames: pump.frames,
      skipped: pump.skipped,
      errors: pump.errors,
      quanta,
      underruns,
      tier,
      kernel,
      kernelReason: Object.entries(refused).map(([name, why]) => `${name}: ${why}`).join('; '),
      heap: enhancer.input().buffer.byteLength,
      ...enhancer.observe(),
    };
    this.#tell('stats', stats);
    const { played, computed } = this.#overload;
    const late = [played.look(quanta, underruns), computed.look(pump.frames + pump.skipped, pump.skipped)];
    if (late.includes(true) && !this.#relieving) {
      this.#relieving = true;
      void this.#relieve().finally(() => {
        this.#relieving = false;
        this.#judgeAnew();
      });
    }
  }

  /** Frames keep coming late: a smaller tier, and when there is none the client has to go without. */
  async #relieve() {
    const from = /** @type {import('./models.js').Held} */ (this.#engine?.model);
    try {
      const smaller = nextSmaller(await this.#models.tiers(), from.weights);
      if (smaller) {
        // Told when it is so, and not if something else has changed it meanwhile.
        const info = await this.use(smaller.tier);
        if (!this.#closed) this.#tell('overload', { action: 'step-down', from: from.tier, tier: info.tier, info });
        return;
      }
    } catch {
      // A tier that cannot be had is no relief.
    }
    if (!this.#closed) this.#tell('overload', { action: 'bypass', tier: from.tier });
  }

  #judgeAnew() {
    for (const each of Object.values(this.#overload)) each.restart();
  }

  #tellFrame() {
    const frames = this.#service?.pump.frames ?? 0;
    if (!this.#engine || frames === this.#framesTold) return;
    this.#framesTold = frames;
    this.#tell('frame', { frame: frames, ...this.#engine.enhancer.frame() });
  }
}

/** @param {Ring} ring @param {Pump} pump @param {() => boolean} over */
async function loop(ring, pump, over) {
  while (!over()) {
    const seen = ring.load(WORD.WRITTEN);
    // Behind: others still get their turn.
    if (pump.run()) await turn();
    else await ring.waitWritten(seen, IDLE);
  }
}

/** What an error says; a Python one carries its whole traceback, of which the last line tells. @param {unknown} error */
export function lastLine(error) {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n').at(-1) ?? '';
}
