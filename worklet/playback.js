/**
 * The page's side of the audio thread: an instance's one node, its transport to the worker, and what it plays.
 *
 *     wanted --make()--> processor.js in the context --enhancer warm: connect()--> ring or MessagePort to the worker
 */
import { SAMPLE_RATE } from './constants.js';
import { STATE } from './blend.js';
import { Ring } from './ring.js';

/**
 * @typedef {object} Listener
 * @property {(state: string) => void} played the node plays this from now on, one of blend.js's STATE
 * @property {(why: string) => void} failed an exception on the audio thread: the node passes its input on until restart()
 * @property {() => void} gone the node is silent for good
 * @property {() => boolean} enabled whether enhancement is wanted
 */

export class Playback {
  /** What is heard. @type {string} */
  state = STATE.WAITING;
  /** Shared by worklet and worker; none over MessagePort. @type {Ring | undefined} */
  ring;
  /** @type {AudioWorkletNode | undefined} */ #node;
  /** Whether there is a node, or one is being made. */
  #taken = false;
  #ended = false;
  #listener;

  /** @param {{depth: number, transport: 'shared' | 'port'}} options @param {Listener} listener */
  constructor({ depth, transport }, listener) {
    this.depth = depth;
    this.transport = transport;
    this.#listener = listener;
  }

  /** Whether there is a node, or one is being made. */
  get taken() {
    return this.#taken;
  }

  /**
   * @param {BaseAudioContext} context
   * @returns {Promise<AudioWorkletNode>}
   * @throws {Error} there is one already; the context has another rate; the processor cannot be loaded; ended meanwhile
   */
  async make(context) {
    if (this.#taken) throw new Error('this instance has its node already: make another instance');
    if (context.sampleRate !== SAMPLE_RATE) {
      throw new RangeError(
        `the context runs at ${context.sampleRate} Hz: make it with {sampleRate: ${SAMPLE_RATE}}, or give processTrack() ` +
          'the track of a MediaStreamAudioDestinationNode in it, which is resampled',
      );
    }
    this.#taken = true;
    try {
      await context.audioWorklet.addModule(new URL('./processor.js', import.meta.url));
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
    const node = new AudioWorkletNode(context, 'percepnet', {
      numberOfInputs: 1,
      numberOfOutputs: 1,
      outputChannelCount: [1],
      channelCount: 1,
      channelCountMode: 'explicit',
      processorOptions: { depth, enabled: this.#listener.enabled(), buffer: this.ring?.buffer },
    });
    node.port.onmessage = ({ data }) => this.#told(data);
    node.onprocessorerror = () => {
      this.#node = undefined;
      this.#taken = false;
      this.#listener.gone();
    };
    return node;
  }

  /**
   * Give worker and worklet their transport.
   *
   * @param {(transport: object, transfer?: Transferable[]) => void} give the worker's end of it
   */
  connect(give) {
    if (!this.#node) return;
    const { depth, ring } = this;
    if (ring) return give({ depth, buffer: ring.buffer });
    const { port1, port2 } = new MessageChannel();
    give({ depth, port: port1 }, [port1]);
    this.#node.port.postMessage({ port: port2 }, [port2]);
  }

  /** Look again whether enhancement is wanted. */
  switch() {
    this.#node?.port.postMessage({ enabled: this.#listener.enabled() });
  }

  /** Try again with a node that failed. */
  restart() {
    this.#node?.port.postMessage({ restart: true });
  }

  end() {
    this.#ended = true;
    this.#node?.port.postMessage({ close: true });
    this.#node?.disconnect();
    this.#node = undefined;
  }

  /** @param {any} message of the processor */
  #told({ state, message }) {
    if (this.#ended) return;
    if (state === 'failed') return this.#listener.failed(message);
    this.state = state;
    this.#listener.played(state);
  }
}
