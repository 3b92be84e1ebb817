/**
 * The main thread's side of the audio thread: an instance's one node, its transport to the worker, and what it plays.
 *
 *     nothing --make()--> processor.js in the context --enhancer warm: connect()--> ring or MessagePort to the worker
 */
import { SAMPLE_RATE } from './constants.js';
import { STATE } from './blend.js';
import { PercepNetError } from './errors.js';
import { explainModule } from './explain.js';
import { AUTO_DEPTH } from './options.js';
import { Ring } from './ring.js';

/** ms that a server may take to send the processor. */
const ANSWER_TIMEOUT = 20_000;

/**
 * @typedef {object} Listener
 * @property {() => boolean} enabled whether enhancement is wanted
 * @property {(state: string) => void} onPlaying the node plays this from now on, one of blend.js's STATE
 * @property {(why: string) => void} onFailure an exception on the audio thread: the node passes its input through until restart()
 * @property {() => void} onTookOver the early worker is no longer heard
 * @property {() => void} onStop the browser has stopped the node, which is silent from now on
 */

export class Playback {
  /** What is heard. @type {string} */
  state = STATE.WAITING;
  /** Shared by worklet and worker; undefined over MessagePort. @type {Ring | undefined} */
  ring;
  /** @type {AudioWorkletNode | undefined} */ #node;
  /** Whether there is a node, or one is being made. */
  #taken = false;
  /** How often the processor has been requested. */
  #attempts = 0;
  #ended = false;
  #auto;
  #listener;

  /** @param {{depth: number | 'auto', transport: import('./support.js').Support['transport']}} options @param {Listener} listener */
  constructor({ depth, transport }, listener) {
    this.#auto = depth === 'auto';
    /** Samples of slack in use. */
    this.depth = depth === 'auto' ? AUTO_DEPTH.first : depth;
    this.transport = transport;
    this.#listener = listener;
  }

  /** Whether there is a node, or one is being made. */
  get taken() {
    return this.#taken;
  }

  /** Whether there is a node, and its context is not suspended. */
  get running() {
    return this.#node?.context.state === 'running';
  }

  /**
   * @param {BaseAudioContext} context
   * @returns {Promise<AudioWorkletNode>}
   * @throws {Error} there is one already; the context has another rate; the processor cannot be loaded; ended meanwhile
   */
  async make(context) {
    if (this.#taken) throw new Error('this instance already has its node: create another instance');
    if (context.sampleRate !== SAMPLE_RATE) {
      throw new RangeError(
        `the context runs at ${context.sampleRate} Hz: create it with {sampleRate: ${SAMPLE_RATE}}, or pass processTrack() ` +
          'the track of a MediaStreamAudioDestinationNode in it, which is resampled',
      );
    }
    this.#taken = true;
    try {
      await addModule(context, new URL('./processor.js', import.meta.url), this.#attempts++);
      if (this.#ended) throw new Error('this instance was destroyed: create another');
      this.#node = this.#build(context);
      return this.#node;
    } catch (error) {
      this.#taken = false;
      throw error;
    }
  }

  /** @param {BaseAudioContext} context */
  #build(context) {
    const { depth } = this;
    this.ring = this.transport === 'shared' ? Ring.shared() : undefined;
    const node = new AudioWorkletNode(context, this.transport === 'none' ? 'percepnet-direct' : 'percepnet', {
      numberOfInputs: 1,
      numberOfOutputs: 1,
      outputChannelCount: [1],
      channelCount: 2, // at most: downmix.js makes one channel of them
      channelCountMode: 'clamped-max',
      processorOptions: { depth, deepest: this.#auto ? AUTO_DEPTH.deepest : depth, enabled: this.#listener.enabled(), buffer: this.ring?.buffer },
    });
    node.port.onmessage = ({ data }) => this.#onMessage(data);
    node.onprocessorerror = () => {
      this.#node = undefined;
      this.#taken = false;
      this.#listener.onStop();
    };
    return node;
  }

  /**
   * Connect the node to what enhances, or to what loads the program that does.
   *
   * @param {(transport: import('./messages.js').Transport, transfer?: Transferable[]) => void} send the worker's end of it
   */
  connect(send) {
    if (!this.#node) return;
    const { ring } = this;
    const depth = this.#auto ? 'auto' : this.depth;
    if (ring) return send({ depth, buffer: /** @type {SharedArrayBuffer} */ (ring.buffer) });
    const { port1, port2 } = new MessageChannel();
    send({ depth, port: port1 }, [port1]);
    this.#post({ port: port2 }, [port2]);
  }

  /**
   * Connect the node to the worker that enhances while Python starts, over a transport of its own.
   *
   * @param {(transport: import('./messages.js').Transport, transfer?: Transferable[]) => void} send the worker's end of it
   */
  connectEarly(send) {
    if (!this.#node) return;
    const depth = this.#auto ? 'auto' : this.depth;
    if (this.ring) {
      const buffer = /** @type {SharedArrayBuffer} */ (Ring.shared().buffer);
      send({ depth, buffer });
      return this.#post({ early: { buffer } });
    }
    const { port1, port2 } = new MessageChannel();
    send({ depth, port: port1 }, [port1]);
    this.#post({ early: { port: port2 } }, [port2]);
  }

  /** Whether enhancement is wanted may have changed. */
  switch() {
    this.#post({ enabled: this.#listener.enabled() });
  }

  /** Try again after a failure. */
  restart() {
    this.#post({ restart: true });
  }

  end() {
    this.#ended = true;
    this.#post({ close: true });
    this.#node?.disconnect();
    this.#node = undefined;
  }

  /** @param {import('./messages.js').NodeRequest} request @param {Transferable[]} [transfer] */
  #post(request, transfer = []) {
    this.#node?.port.postMessage(request, transfer);
  }

  /** @param {import('./messages.js').NodeReport} report */
  #onMessage({ state, depth, tookOver, message = '' }) {
    if (this.#ended) return;
    if (depth) this.depth = depth;
    if (tookOver) this.#listener.onTookOver();
    if (state === undefined) return;
    if (state === 'failed') return this.#listener.onFailure(message);
    this.state = state;
    this.#listener.onPlaying(state);
  }
}

/**
 * @param {BaseAudioContext} context
 * @param {URL} url
 * @param {number} attempt from the second on the address differs, since the browser would wait for the answer to the first
 */
async function addModule(context, url, attempt) {
  if (attempt > 0) url.searchParams.set('attempt', String(attempt));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new PercepNetError('worklet', `no answer from ${url} for ${ANSWER_TIMEOUT / 1000} s`)), ANSWER_TIMEOUT);
  });
  try {
    await Promise.race([context.audioWorklet.addModule(url), late]);
  } catch (error) {
    if (error instanceof PercepNetError) throw error;
    throw new Error((await explainModule(url)) || (error instanceof Error ? error.message : String(error)), { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
