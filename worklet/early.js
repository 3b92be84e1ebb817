/**
 * The worker that enhances while Python starts: that of `engine: 'worker'`, with a stream of its own. Python blocks its own
 * worker for hundreds of milliseconds at a time while it starts, so this one is separate.
 *
 *     opened --info--> waiting for a node --connect()--> heard --Python has taken over, or the session ends: close()
 *
 * The kernels and the program image are downloaded for it, before anything that Python needs, and given to Python's worker once this
 * one is heard. Python reads the weights from the image, so they are downloaded only once.
 */
import { AUTO, isName } from './tiers.js';
import { openChannel, running } from './worker-client.js';

/**
 * @typedef {import('./messages.js').Info} Info
 * @typedef {import('./messages.js').SessionMessage} SessionMessage
 * @typedef {import('./messages.js').ProgramFiles} ProgramFiles
 */

/** Longest that Python waits, in ms, for enhanced sound once this worker can provide it: Python's start keeps the machine busy. */
export const HEAD_START = 300;

export class EarlyStart {
  /** What runs, once it does. @type {Info | undefined} */
  info;
  #connected = false;

  /**
   * @param {{assets: string, model: string, attenuationLimit: number}} options as for Session
   * @param {(message: SessionMessage) => void} listener
   * @param {() => void} onOpen `info` is set
   * @param {() => void} onRefusal it cannot run here
   */
  constructor({ assets, model, attenuationLimit }, listener, onOpen, onRefusal) {
    this.channel = openChannel('worker', assets, listener);
    const files = /** @type {Promise<any>} */ (this.channel.request({ type: 'files' })).catch(() => undefined);
    // What `auto` chooses is known once Python runs; until then the default tier will do.
    const opened = this.channel.request({ type: 'open', model: model === AUTO ? '' : model, attenuationLimit, provisional: true });
    /** To be called when it is heard. @type {() => void} */
    this.onHeard = () => {};
    const started = opened.then(() => new Promise((/** @type {(value: void) => void} */ resolve) => {
      this.onHeard = resolve;
      setTimeout(resolve, HEAD_START);
    }));
    /**
     * What Python's worker needs of the files, when it may start; undefined if they could not be downloaded.
     *
     * @type {Promise<ProgramFiles | undefined>}
     */
    this.files = started.then(() => files, () => files);
    opened.then((info) => {
      this.info = info;
      onOpen();
    }, onRefusal);
  }

  /**
   * Begin, if it is worthwhile: Python is not running yet, and the model exists as a program image.
   *
   * @param {{assets: string, model: string, attenuationLimit: number}} options
   * @param {(message: SessionMessage) => void} listener
   * @param {() => void} onOpen
   * @param {() => void} onRefusal
   * @returns {EarlyStart | undefined}
   */
  static begin(options, listener, onOpen, onRefusal) {
    if (running('python', options.assets)) return undefined;
    if (options.model !== '' && !isName(options.model)) return undefined;
    try {
      return new EarlyStart(options, listener, onOpen, onRefusal);
    } catch {
      return undefined; // no worker can be started: Python's reports why
    }
  }

  /** Whether it could be connected to a node but has not been. */
  get waiting() {
    return this.info !== undefined && !this.#connected;
  }

  /** @param {import('./messages.js').Transport} transport @param {Transferable[]} [transfer] */
  connect(transport, transfer) {
    this.#connected = true;
    this.channel.post({ type: 'connect', ...transport }, transfer);
  }

  /** Stay in use, because Python could not be started. */
  keep() {
    this.channel.post({ type: 'keep' });
  }

  close() {
    this.channel.close();
  }
}
