/**
 * The AudioWorkletProcessor of `engine: 'worklet'`: the runner on the audio thread, around Direct.
 *
 * Programs are loaded here from bytes that the main thread has fetched, checked and tested (direct-client.js): an audio thread
 * has no fetch, no hashes and no clock. Loading is asynchronous, in pieces that take no longer than a frame, one per quantum;
 * until it is done the sound is raw. All nodes of a context share a program's weights.
 */
import { SAMPLE_RATE } from './constants.js';
import { Direct } from './direct.js';
import { lastLine } from './errors.js';
import { BaseProcessor } from './processor-base.js';
import { Program } from './runner.js';
import { WORD } from './ring.js';

/** Samples between statistics: half a second. */
const STATS_INTERVAL = SAMPLE_RATE / 2;

/** Samples between frames sent to observers: 40 ms, about what a display can show. */
const FRAME_INTERVAL = SAMPLE_RATE / 25;

/**
 * @typedef {import('./messages.js').DirectRequest} DirectRequest
 * @typedef {import('./messages.js').DirectReport} DirectReport
 * @typedef {import('./runner.js').Runner} Runner
 */

/** Programs of this context, by the key that the main thread gave them, while streams use them. @type {Map<string, {users: number, program: Promise<Program>}>} */
const programs = new Map();

/** Loading steps that wait for the next quantum. @type {(() => void)[]} */
let paused = [];

/** Quanta rendered, and how many there were when the main thread last said 'proceed'. */
const quanta = { rendered: 0, seen: -1 };

const pause = () => new Promise((/** @type {(value: void) => void} */ resolve) => paused.push(resolve));

/** Let loading continue by one piece. */
function proceed() {
  if (paused.length === 0) return;
  const waiting = paused;
  paused = [];
  for (const resume of waiting) resume();
}

export class DirectProcessor extends BaseProcessor {
  /** @type {MessagePort | undefined} */ #channel;
  /** The program in use. @type {{runner: Runner, release: () => void} | undefined} */ #active;
  #limit = Infinity;
  #observed = false;
  #sinceStats = 0;
  #sinceFrame = 0;

  /** @param {{processorOptions: {enabled: boolean}}} options */
  constructor({ processorOptions: { enabled } }) {
    super();
    this.direct = new Direct({ enabled });
  }

  /** @param {import('./messages.js').NodeRequest} request @override */
  receive({ enabled, port, close }) {
    if (enabled !== undefined) this.direct.blend.enabled = enabled;
    if (port) this.#serve(port);
    if (close) this.#release();
  }

  /** @override */
  restart() {
    const { enabled, position } = this.direct.blend;
    this.#release();
    this.direct = new Direct({ enabled, start: position });
  }

  /** @param {Float32Array | undefined} input @param {Float32Array} output @override */
  render(input, output) {
    quanta.rendered++;
    proceed();
    const { direct } = this;
    direct.render(input, output);
    if (this.#channel !== undefined && this.#active !== undefined) this.#tick(output.length);
    return direct.blend.state;
  }

  /** @param {MessagePort} port to the instance's DirectChannel; replaces an earlier one, whose program goes */
  #serve(port) {
    this.#release();
    this.#channel = port;
    port.onmessage = (/** @type {MessageEvent<DirectRequest>} */ { data }) => {
      if (this.#channel !== port) return;
      switch (data.type) {
        case 'load':
          return void this.#load(port, data);
        case 'attenuationLimit':
          this.#limit = data.value;
          if (this.#active) this.#active.runner.attenuationLimit = data.value;
          return;
        case 'observe':
          this.#observed = data.wanted;
          return;
        case 'proceed':
          // A suspended context has no quanta to wait for.
          if (quanta.rendered === quanta.seen) proceed();
          quanta.seen = quanta.rendered;
          return;
        case 'close':
          return this.#release();
      }
    };
  }

  /** @param {MessagePort} port @param {import('./messages.js').Load} request */
  async #load(port, { token, key, kernels, image }) {
    const entry = programs.get(key) ?? { users: 0, program: Program.load(kernels, image, { pause }) };
    programs.set(key, entry);
    entry.users++;
    const leave = () => {
      if (--entry.users === 0 && programs.get(key) === entry) programs.delete(key);
    };
    try {
      const runner = (await entry.program).stream();
      if (this.#channel !== port) {
        runner.release();
        return leave();
      }
      const release = () => {
        runner.release();
        leave();
      };
      runner.attenuationLimit = this.#limit;
      const old = this.#active;
      this.#active = { runner, release };
      this.direct.use(runner, () => old?.release());
      this.#report({ type: 'answer', token, info: runner.info });
    } catch (error) {
      leave();
      programs.delete(key);
      if (this.#channel === port) this.#report({ type: 'answer', token, code: 'enhancer', message: lastLine(error) });
    }
  }

  /** Report statistics twice a second, and what is done to the sound if anyone is watching. @param {number} n samples played */
  #tick(n) {
    const { pump, ring } = this.direct;
    const runner = this.#active?.runner;
    if (pump === undefined || runner === undefined) return;
    if (pump.failure !== undefined) {
      this.#report({ type: 'error', code: 'enhancer', message: lastLine(pump.failure) });
      return this.#release();
    }
    if (this.#observed && (this.#sinceFrame += n) >= FRAME_INTERVAL) {
      this.#sinceFrame = 0;
      this.#report({ type: 'frame', frame: pump.frames, ...runner.frame() });
    }
    if ((this.#sinceStats += n) < STATS_INTERVAL) return;
    this.#sinceStats = 0;
    this.#report({
      type: 'counts',
      frames: pump.frames,
      errors: pump.errors,
      quanta: ring.load(WORD.QUANTA),
      underruns: ring.load(WORD.UNDERRUNS),
      heap: runner.input().buffer.byteLength,
      ...runner.observe(),
    });
  }

  /** Compute nothing from now on. */
  #release() {
    this.#channel?.close();
    this.#channel = undefined;
    this.direct.stop();
    this.#active?.release();
    this.#active = undefined;
  }

  /** @param {DirectReport} report */
  #report(report) {
    this.#channel?.postMessage(report);
  }
}
