/**
 * One instance's stream in the worker: its own enhancer on a shared model, the loop that serves its ring, what is reported
 * about it, and what happens when the machine does not keep up.
 *
 *     opened --connect()--> served (again after each connect()) --close()--> everything released
 *
 * It exists from 'open' on and waits for the runtime itself, so whatever is set before then takes effect.
 */
import { DELAY, SAMPLE_RATE } from './constants.js';
import { lastLine } from './errors.js';
import { WorkerLink } from './link.js';
import { Overload } from './overload.js';
import { Pump } from './pump.js';
import { Ring, WORD } from './ring.js';
import { AUTO, nextSmaller } from './tiers.js';
import { nextTask } from './trial.js';

const STATS_INTERVAL = 500; // ms

/** ms between frames sent to observers: 25 a second, about what a display can show. */
const FRAME_INTERVAL = 40;

/** ms between checks while the audio is stopped; messages are handled meanwhile. */
const IDLE = 250;

/**
 * What a stream needs from the worker that hosts it.
 *
 * @typedef {object} StreamRuntime runtime.js, or runner-runtime.js
 * @property {string} name
 * @property {(proxy: any) => StreamEnhancer} enhancer makes one from a model's proxy
 * @property {(enhancer: any) => Promise<void>} warmUp
 * @property {(enhancer: any) => Promise<number>} benchmark ms per frame, back to back
 *
 * @typedef {object} StreamEnhancer a FrameEnhancer with what else a stream needs
 * @property {() => Float32Array} input
 * @property {() => void} step
 * @property {() => Float32Array} output
 * @property {() => void} reset
 * @property {() => void} release
 * @property {() => {voiceActivity: number, snr: number}} observe
 * @property {() => Omit<import('./enhancer.js').Frame, 'frame'>} frame
 * @property {number} attenuationLimit dB
 * @property {Info} info
 *
 * @typedef {object} Host
 * @property {StreamRuntime} runtime
 * @property {import('./models.js').Models} models
 * @property {import('./chooser.js').Chooser} chooser
 */

/**
 * @typedef {import('./messages.js').StreamReport} StreamReport
 * @typedef {import('./messages.js').Info} Info
 * @typedef {import('./models.js').LoadedModel} LoadedModel
 * @typedef {{enhancer: StreamEnhancer, model: LoadedModel, release: () => void}} Active
 * @typedef {{ring: Ring, pump: Pump, depth: number | 'auto'}} Service
 *
 * @typedef {object} StreamStats counted from when the node was connected
 * @property {number} latency from input to output, ms
 * @property {number} computeP50 median compute time of the last 512 frames, ms
 * @property {number} computeP99
 * @property {number} load share of a core spent on this stream's frames since the last statistics
 * @property {number} frames computed
 * @property {number} skipped frames left out because they were too late to be heard
 * @property {number} errors frames that failed
 * @property {number} quanta played while enhanced sound was due
 * @property {number} underruns those of them that were raw because frames were late
 * @property {string} tier
 * @property {string} kernel what computes: 'relaxed' or 'simd' (WebAssembly), or 'numpy'
 * @property {string} kernelReason why a faster one is not used; '' if there is none
 * @property {number} heap the worker's WebAssembly memory, bytes, all instances together
 * @property {number} snr of the input, estimated, dB
 * @property {number} voiceActivity probability of speech, 0 to 1
 */

export class Stream {
  /** The enhancer in use. @type {Active | undefined} */
  #active;
  /** @type {Service | undefined} */
  #service;
  /** The option `model`. */
  #wanted = '';
  /** Whether another engine is starting, which keeps the machine busy: being late then is no reason for a smaller tier. */
  provisional = false;
  /** Changes of model, one after the other. @type {Promise<unknown>} */
  #changes = Promise.resolve();
  #closed = false;
  /** Judged by what was played and by what was computed: on a machine too slow to play any enhanced sound, nothing played is late. */
  #overload = { played: new Overload(), computed: new Overload() };
  /** Whether an overload is being dealt with. */
  #relieving = false;
  #load = { time: 0, busy: 0 };
  /** @type {ReturnType<typeof setInterval> | undefined} */ #stats;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #frames;
  #framesReported = 0;
  #host;
  #report;
  #limit = Infinity;

  /**
   * @param {Promise<Host>} host
   * @param {(report: StreamReport) => void} report send to the main thread
   */
  constructor(host, report) {
    this.#host = host;
    this.#report = report;
  }

  /**
   * Run this model from now on. The old one runs until the new one is loaded, then the two are cross-faded.
   *
   * @param {string} model the option: AUTO, or as Models.acquire() takes it
   * @returns {Promise<Info>} what runs
   * @throws {PercepNetError} 'model': the old one continues
   */
  async use(model) {
    const { chooser } = await this.#host;
    const info = await this.#enqueue(model === AUTO ? chooser.choose() : model);
    this.#wanted = model;
    return info;
  }

  /** @param {string | Promise<string>} name @returns {Promise<Info>} */
  #enqueue(name) {
    const change = this.#changes.then(async () => this.#change(await name));
    this.#changes = change.catch(() => {});
    return change;
  }

  /** @param {string} name */
  async #change(name) {
    if (this.#closed) throw new Error('the stream was closed');
    const { runtime, models } = await this.#host;
    const model = await models.acquire(name);
    let enhancer;
    try {
      enhancer = runtime.enhancer(model.proxy);
      await runtime.warmUp(enhancer);
    } catch (error) {
      enhancer?.release();
      models.release(model);
      throw error;
    }
    const release = () => {
      enhancer.release();
      models.release(model);
    };
    if (this.#closed) {
      release();
      throw new Error('the stream was closed');
    }
    enhancer.attenuationLimit = this.#limit;
    const old = this.#active;
    this.#active = { enhancer, model, release };
    if (this.#service) this.#service.pump.replace(enhancer, () => old?.release());
    else old?.release();
    return enhancer.info;
  }

  /** Serve this transport from now on, and no other. @param {import('./messages.js').Transport} transport */
  connect({ depth, buffer, port }) {
    if (!this.#active || this.#closed) return;
    this.#disconnect();
    const ring = buffer ? new Ring(buffer) : Ring.local();
    const pump = new Pump(ring, depth, this.#active.enhancer);
    pump.hearsPast = buffer !== undefined; // over a port only what comes from now on arrives
    const service = { ring, pump, depth };
    this.#service = service;
    this.#load = { time: performance.now(), busy: 0 };
    this.#overload = { played: new Overload(), computed: new Overload() };
    this.#stats = setInterval(() => this.#check(service), STATS_INTERVAL);
    const ended = () => {
      if (this.#service !== service) return true;
      if (pump.failure === undefined) return false;
      this.#report({ type: 'error', code: 'enhancer', message: lastLine(pump.failure) });
      this.close();
      return true;
    };
    if (port) new WorkerLink(ring, port, pump, ended);
    else void serve(ring, pump, ended);
  }

  /** @param {number} value dB */
  set attenuationLimit(value) {
    this.#limit = value;
    if (this.#active) this.#active.enhancer.attenuationLimit = value;
  }

  /** Whether to report what the enhancer does to each frame; costs nothing otherwise. @param {boolean} wanted */
  set observed(wanted) {
    clearInterval(this.#frames);
    this.#frames = wanted ? setInterval(() => this.#reportFrame(), FRAME_INTERVAL) : undefined;
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.observed = false;
    this.#disconnect();
    this.#active?.release();
    this.#active = undefined;
  }

  #disconnect() {
    clearInterval(this.#stats);
    this.#service?.pump.abandon();
    this.#service = undefined;
  }

  /** Report statistics, and act if frames keep coming late. @param {Service} service */
  #check({ ring, pump, depth }) {
    if (!this.#active) return;
    const { enhancer } = this.#active;
    const [computeP50, computeP99] = pump.percentiles(0.5, 0.99);
    const time = performance.now();
    const load = (pump.busy - this.#load.busy) / (time - this.#load.time);
    this.#load = { time, busy: pump.busy };
    const quanta = ring.load(WORD.QUANTA);
    const underruns = ring.load(WORD.UNDERRUNS);
    const { tier, kernel, kernels_refused: refused } = enhancer.info;
    this.#report({
      type: 'stats',
      latency: (1000 * ((depth === 'auto' ? ring.load(WORD.DEPTH) : depth) + DELAY)) / SAMPLE_RATE,
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
    });
    const { played, computed } = this.#overload;
    const late = [played.look(quanta, underruns), computed.look(pump.frames + pump.skipped, pump.skipped)];
    if (this.provisional) this.#forgetLateness();
    else if (late.includes(true) && !this.#relieving) {
      this.#relieving = true;
      void this.#relieve().finally(() => {
        this.#relieving = false;
        this.#forgetLateness();
      });
    }
  }

  #forgetLateness() {
    for (const each of Object.values(this.#overload)) each.restart();
  }

  /** Frames keep coming late: step down to a smaller tier; if there is none, the sound stays raw. */
  async #relieve() {
    const from = /** @type {LoadedModel} */ (this.#active?.model);
    try {
      const { models, chooser } = await this.#host;
      const smaller = nextSmaller(await models.tiers(), from.weights);
      if (smaller) {
        // Reported once it has happened, and not if the stream has been closed meanwhile.
        const info = await this.#enqueue(smaller.tier);
        if (this.#closed) return;
        this.#report({ type: 'overload', action: 'step-down', from: from.tier, tier: info.tier, info });
        if (this.#wanted === AUTO) chooser.lower(info.tier);
        return;
      }
    } catch {
      // A tier that cannot be loaded is no relief.
    }
    if (!this.#closed) this.#report({ type: 'overload', action: 'bypass', tier: from.tier });
  }

  #reportFrame() {
    const frames = this.#service?.pump.frames ?? 0;
    if (!this.#active || frames === this.#framesReported) return;
    this.#framesReported = frames;
    this.#report({ type: 'frame', frame: frames, ...this.#active.enhancer.frame() });
  }
}

/** @param {Ring} ring @param {Pump} pump @param {() => boolean} ended */
async function serve(ring, pump, ended) {
  while (!ended()) {
    const seen = ring.load(WORD.WRITTEN);
    // Even if this stream is behind, the others get their turn.
    if (pump.run()) await nextTask();
    else await ring.waitWritten(seen, IDLE);
  }
}
