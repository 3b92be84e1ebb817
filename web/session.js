/**
 * One stretch of listening, from Start to Stop: a source, the enhancer, and where the sound goes.
 */
import { loopback } from './call.js';
import { Sound } from './sound.js';
import { openClip, openFile, openMicrophone } from './sources.js';
import { PercepNet } from './worklet/percepnet.js';

/**
 * @typedef {'clip' | 'microphone' | 'file'} Kind
 * @typedef {import('./sources.js').Source} Source
 */

export class Session {
  /** @type {Source | undefined} */ #source;
  /** @type {{stream: MediaStream, close: () => void} | undefined} */ #call;
  #farEnd;
  #loud = false;
  /** What plays. @type {Kind} */
  kind = 'clip';
  closed = false;

  /** @private use open() @param {PercepNet} percepnet @param {HTMLAudioElement} farEnd */
  constructor(percepnet, farEnd) {
    this.percepnet = percepnet;
    this.sound = new Sound(percepnet.latency);
    this.#farEnd = farEnd;
  }

  /**
   * Begin; nothing is heard before play(). Must come from a click or a key.
   *
   * @param {import('./worklet/percepnet.js').Options} options
   * @param {HTMLAudioElement} farEnd plays the other end of a call
   */
  static async open(options, farEnd) {
    if (typeof AudioContext === 'undefined') {
      throw new Error('This browser has no Web Audio, so it can play nothing here: try a recent Chrome, Edge, Firefox or Safari.');
    }
    return new Session(await PercepNet.create(options), farEnd);
  }

  /**
   * Play this source from now on; if it cannot be had, the last one plays on.
   *
   * @param {Kind} kind @param {File | undefined} file @param {() => void} ended called when the microphone goes away
   */
  async play(kind, file, ended) {
    const { sound } = this;
    const { context } = sound;
    // Asked for first: a browser may take long over the question of permission.
    const source = await (kind === 'microphone' ? openMicrophone(context, ended)
      : kind === 'file' && file ? openFile(context, file)
      : openClip(context, 'clips/noisy.wav'));
    if (this.closed) return source.stop();
    sound.play(source.node);
    this.#source?.stop();
    this.#source = source;
    this.kind = kind;
    await context.resume();
  }

  /** The microphone that plays, if one does. @returns {MediaStreamTrack | undefined} */
  get microphone() {
    return this.#source?.track;
  }

  /** Lead the sound through the enhancer, unless the browser cannot; it is loaded meanwhile. */
  async enhance() {
    const { percepnet, sound } = this;
    if (!percepnet.support.supported || sound.node) return;
    const node = await percepnet.createNode(sound.context);
    if (!this.closed) sound.insert(node);
  }

  /** After a failure. */
  async restart() {
    this.percepnet.restart();
    await this.enhance();
  }

  /** @param {boolean} on whether anything is to be heard here */
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

  close() {
    if (this.closed) return;
    this.closed = true;
    this.#source?.stop();
    this.#call?.close();
    this.#farEnd.srcObject = null;
    this.percepnet.destroy();
    this.sound.close();
  }
}
