/**
 * What plays, the enhancer, and where the sound goes. One for the life of a page: Stop and Start reload nothing.
 *
 *     open() -> play() -> enhance() -> stop() -> play() -> enhance() ... -> close()
 */
import { loopback } from './call.js';
import { Sound } from './sound.js';
import { DELAY } from './worklet/constants.js';
import { firstDepth } from './worklet/options.js';
import { PercepNet } from './worklet/percepnet.js';

/** @typedef {import('./sources.js').Source} Source */

/** ms from the end of the source until the graph is suspended: what is still in its delay lines is played. */
const TAIL = 300;

export class Session {
  /** @type {Source | undefined} */ #source;
  /** @type {import('./call.js').Call | undefined} */ #call;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #suspending;
  #farEnd;
  #loud = false;
  /** @type {PercepNet | undefined} */
  percepnet;
  /** The kind of source that is playing. */
  kind = '';
  closed = false;

  /** @private use open() @param {HTMLAudioElement} farEnd */
  constructor(farEnd) {
    this.sound = new Sound(firstDepth({}) + DELAY);
    this.#farEnd = farEnd;
  }

  /**
   * Must be called within a click or a key press, or browsers keep the sound suspended.
   *
   * @param {HTMLAudioElement} farEnd plays the other end of a call
   */
  static open(farEnd) {
    if (typeof AudioContext === 'undefined') {
      throw new Error('This browser has no Web Audio, so it cannot play sound here: try a recent Chrome, Edge or Firefox.');
    }
    const session = new Session(farEnd);
    void session.sound.context.resume();
    return session;
  }

  /** Whether a source is playing. */
  get playing() {
    return this.#source !== undefined;
  }

  /** Whether the visitor hears it. */
  get heard() {
    return this.playing && this.#loud && this.sound.context.state === 'running';
  }

  /** The microphone, if that is what plays. @returns {MediaStreamTrack | undefined} */
  get microphone() {
    return this.#source?.track;
  }

  /** The call that the sound goes through. */
  get call() {
    return this.#call;
  }

  /**
   * Play this source from now on; if it cannot be opened, the last one plays on.
   *
   * @param {string} kind
   * @param {(context: AudioContext) => Promise<Source>} open
   */
  async play(kind, open) {
    const { sound } = this;
    const source = await open(sound.context);
    if (this.closed) return source.stop();
    sound.play(source.node);
    this.#source?.stop();
    this.#source = source;
    this.kind = kind;
    clearTimeout(this.#suspending);
    await sound.context.resume();
  }

  /**
   * Route the sound through the enhancer, unless the browser cannot. The first time this begins to load it.
   *
   * @param {import('./worklet/percepnet.js').Options} options
   * @param {(percepnet: PercepNet) => void} created called before the first event
   */
  async enhance(options, created) {
    if (!this.percepnet) {
      const percepnet = await PercepNet.create(options);
      if (this.closed) return percepnet.destroy();
      this.percepnet = percepnet;
      created(percepnet);
    } else if (this.percepnet.state === 'fallback') {
      this.percepnet.restart();
    }
    await this.#insert();
  }

  async #insert() {
    const { percepnet, sound } = this;
    if (!percepnet?.support.supported || sound.node) return;
    const node = await percepnet.createNode(sound.context);
    if (!this.closed) sound.insert(node);
  }

  /** After a failure. */
  async restart() {
    this.percepnet?.restart();
    await this.#insert();
  }

  /** @param {boolean} on whether the sound is audible here */
  set loud(on) {
    this.#loud = on;
    this.#route();
  }

  /** @param {boolean} on whether the sound goes through a call to this page and is heard at its far end */
  async setCall(on) {
    if (on === Boolean(this.#call)) return;
    this.#call?.close();
    this.#call = on ? await loopback(this.sound.outgoing()) : undefined;
    if (this.closed) this.#call?.close();
    this.#farEnd.srcObject = this.#call?.stream ?? null;
    this.#route();
  }

  #route() {
    this.#farEnd.muted = !this.#loud;
    this.sound.loud = this.#loud && !this.#call;
  }

  /** Until the next play(). The enhancer stays loaded, and costs nothing meanwhile. */
  stop() {
    this.#source?.stop();
    this.#source = undefined;
    void this.setCall(false);
    this.#suspending = setTimeout(() => void this.sound.context.suspend(), TAIL);
  }

  /** Permanently. */
  close() {
    if (this.closed) return;
    this.closed = true;
    this.stop();
    clearTimeout(this.#suspending);
    this.percepnet?.destroy();
    this.sound.close();
  }
}
