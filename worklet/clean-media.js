/**
 * A getUserMedia that returns clean microphones: the page's own code stays as it is.
 *
 *     const media = wrapGetUserMedia({ attenuationLimit: 20 });   // or drop-in.js, by a script tag
 *     media.enabled = false;                                     // for all microphones, now and later
 *
 * Nothing here may come between a page and its microphone: requests, permissions and errors are the browser's own, and
 * whatever goes wrong on our side leaves the raw track in the stream.
 */
import { ATTENUATION_LIMIT_DB, DELAY, SAMPLE_RATE } from './constants.js';
import { microphoneRequest } from './constraints.js';
import { GraphTrial, PAUSE } from './graph-trial.js';
import { firstDepth } from './options.js';
import { PercepNet } from './percepnet.js';
import { SuppressionKeeper, isFinal, restoreSuppression, withholdsSuppression } from './recapture.js';
import { StandIn } from './stand-in.js';
import { overrideMembers } from './track-members.js';

/**
 * ms that our side may take before the page gets its raw microphone instead. It normally takes well under a second. It takes
 * longer only on a machine too busy to open the sound card quickly, and there the raw track would not arrive much earlier.
 */
export const START_TIMEOUT = 12000;

/** Failures that a server or a network may have caused, so that a later attempt may succeed. */
const RETRIED = ['boot', 'worklet'];

/** Events of every instance that are passed on. */
const EVENTS = /** @type {const} */ (['ready', 'playing', 'fallback', 'limited', 'overload', 'error', 'stats', 'progress']);

/**
 * @typedef {import('./percepnet.js').Options & {preload?: boolean}} MediaOptions `preload`: load the enhancer at once,
 *     not at the first microphone
 * @typedef {(constraints?: MediaStreamConstraints) => Promise<MediaStream>} GetUserMedia
 */

/** Events: those of PercepNet, `detail` as there and with `instance`, the PercepNet it came from. */
export class CleanMedia extends EventTarget {
  /** @type {Set<StandIn>} the microphones in use */
  #microphones = new Set();
  /** @type {Promise<PercepNet> | undefined} made ahead of the first microphone */
  #reserve;
  /** Microphones whose browser suppression was switched. @type {import('./recapture.js').Recaptures} */
  #recaptures = { done: 0, refused: 0, lost: 0 };
  #graphs = new GraphTrial();
  /** Whether the last enhancer that was started failed permanently. */
  #failing = false;
  #options;
  #warned = new Set();

  /** @param {MediaOptions} [options] */
  constructor({ preload = false, ...options } = {}) {
    super();
    this.#options = options;
    if (preload) {
      this.#reserve = this.#create();
      this.#reserve.catch(() => {}); // reported when it is used
    }
  }

  /** The instances in use, one for each microphone. @returns {PercepNet[]} */
  get instances() {
    return [...this.#microphones].map(({ percepnet }) => percepnet);
  }

  /** How often the browser's own suppression was switched because the enhancer could not run or ran again, and with what result. */
  get recaptures() {
    return { ...this.#recaptures };
  }

  /** Enhanced or raw, for the microphones in use and those to come. */
  get enabled() {
    return this.#options.enabled ?? true;
  }

  set enabled(value) {
    this.#options.enabled = Boolean(value);
    for (const microphone of this.#microphones) microphone.setEnabled(Boolean(value));
  }

  /** Upper limit of the noise reduction in dB, for the microphones in use and those to come. */
  get attenuationLimit() {
    return this.#options.attenuationLimit ?? ATTENUATION_LIMIT_DB;
  }

  set attenuationLimit(value) {
    for (const { percepnet } of this.#microphones) percepnet.attenuationLimit = value;
    this.#options.attenuationLimit = value;
  }

  /**
   * @param {GetUserMedia} getUserMedia the browser's own
   * @param {unknown} [asked]
   * @returns {Promise<MediaStream>} the browser's stream, its microphone replaced by the clean one
   */
  getUserMedia(getUserMedia, asked) {
    const { constraints, microphone } = microphoneRequest(asked, latency(this.#options));
    if (!microphone) return getUserMedia(constraints);
    const { worthwhile } = this.#graphs;
    // If the enhancer is not expected to run, the microphone has the browser's own suppression from the start.
    const doubtful = !worthwhile || this.#failing || !PercepNet.isSupported(this.#options).supported;
    const openUntouched = () => getUserMedia({ ...constraints, audio: microphone });
    const opening = doubtful ? openUntouched() : getUserMedia(constraints);
    if (!worthwhile) return opening;
    return opening.then(async (stream) => {
      if (await this.#clean(stream, microphone, getUserMedia)) return stream;
      for (const track of stream.getTracks()) track.stop();
      return openUntouched(); // Or the browser's own error.
    });
  }

  /**
   * @param {MediaStream} stream remains the same object, so that its id and everything else about it are unchanged
   * @param {MediaTrackConstraints} asked
   * @param {GetUserMedia} getUserMedia
   * @returns {Promise<boolean>} false if the microphone was lost
   */
  async #clean(stream, asked, getUserMedia) {
    const [raw] = stream.getAudioTracks();
    if (!raw) return true;
    const track = (await this.#enhance(raw, asked, getUserMedia)) ?? (await restoreSuppression(raw, asked, getUserMedia, this.#recaptures));
    if (!track) {
      this.#reportLoss();
      return false;
    }
    if (track !== raw) {
      // In this order the stream never runs out of live tracks, which would make it inactive and tell the page so.
      stream.addTrack(track);
      stream.removeTrack(raw);
      // Firefox lists tracks by when they were added: audio comes before video.
      for (const video of stream.getVideoTracks()) {
        stream.removeTrack(video);
        stream.addTrack(video);
      }
      // The stream of a dead microphone was inactive for a moment: let its 'active' event pass before the page can listen.
      if (raw.readyState === 'ended') await new Promise((resolve) => setTimeout(resolve));
    }
    return true;
  }

  /**
   * @param {MediaStreamTrack} raw
   * @param {MediaTrackConstraints} asked
   * @param {GetUserMedia} getUserMedia
   * @returns {Promise<MediaStreamTrack | undefined>} undefined if it cannot be enhanced
   */
  async #enhance(raw, asked, getUserMedia) {
    /** @type {PercepNet | undefined} */
    let percepnet;
    try {
      percepnet = await (this.#reserve ?? this.#create());
      this.#reserve = undefined;
      percepnet.enabled = this.enabled;
      percepnet.attenuationLimit = this.attenuationLimit;
      const clean = await withTimeout(percepnet.processTrack(raw));
      if (clean !== raw) {
        this.#graphs.succeed();
        this.#keep(new StandIn(raw, clean, percepnet, asked), getUserMedia);
        return clean;
      }
    } catch (error) {
      this.#warn('failed', String(error));
    }
    if (percepnet?.support.supported) this.#graphs.fail(percepnet.reason?.code);
    percepnet?.destroy();
    return undefined;
  }

  /** @param {StandIn} microphone @param {GetUserMedia} getUserMedia */
  #keep(microphone, getUserMedia) {
    const { raw, asked, percepnet } = microphone;
    if (percepnet.state === 'destroyed') return; // The microphone has ended meanwhile.
    const suppressed = withholdsSuppression(asked) && raw.getSettings().noiseSuppression === true;
    const onLost = () => this.#reportLoss(percepnet);
    const keeper = new SuppressionKeeper(microphone, getUserMedia, this.#recaptures, { suppressed, onLost });
    this.#microphones.add(microphone);
    microphone.onReleased = () => {
      this.#microphones.delete(microphone);
      keeper.end();
    };
  }

  /** @param {PercepNet} [instance] */
  #reportLoss(instance) {
    const message = "the microphone was stopped to get the browser's own noise suppression, and could not be opened again";
    console.warn(`percepnet: ${message}`);
    this.dispatchEvent(new CustomEvent('error', { detail: { message, instance } }));
  }

  async #create() {
    const percepnet = await PercepNet.create(this.#options);
    let pause = PAUSE.first;
    for (const type of EVENTS) {
      percepnet.addEventListener(type, (event) => {
        const { detail } = /** @type {CustomEvent} */ (event);
        if (type === 'fallback') {
          event.preventDefault(); // once for all instances
          this.#warn(detail.code, detail.message);
          if (isFinal(detail.code)) this.#failing = true;
          if (RETRIED.includes(detail.code)) {
            setTimeout(() => percepnet.state === 'fallback' && percepnet.restart(), pause);
            pause = Math.min(2 * pause, PAUSE.longest);
          }
        }
        if (type === 'ready') this.#failing = false;
        const more = type === 'stats' ? { recaptures: this.recaptures } : {};
        this.dispatchEvent(new CustomEvent(type, { detail: { ...detail, ...more, instance: percepnet } }));
      });
    }
    return percepnet;
  }

  /** The raw voice is easily mistaken for the clean one, and the page may listen to no event: log it once, with the reason. */
  #warn(/** @type {string} */ code, /** @type {string} */ message) {
    if (this.#warned.has(code)) return;
    this.#warned.add(code);
    console.warn(`percepnet: the microphone is raw. ${message}`);
  }
}

/**
 * Make every getUserMedia of this page give clean microphones.
 *
 * @param {MediaOptions} [options]
 * @returns {CleanMedia & {unwrap: () => void}} `unwrap()` restores the browser's own for later calls
 */
export function wrapGetUserMedia(options) {
  const media = new CleanMedia(options);
  overrideMembers();
  const own = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(MediaDevices.prototype, 'getUserMedia'));
  const override = {
    /** @this {any} */
    getUserMedia(/** @type {unknown[]} */ ...values) {
      // If the call is malformed, the browser reports it.
      if (values.length === 0 || !(this instanceof MediaDevices)) return own.value.apply(this, values);
      try {
        return media.getUserMedia((constraints) => own.value.call(this, constraints), values[0]);
      } catch (error) {
        return Promise.reject(error); // a getter of the page's object threw
      }
    },
  };
  const value = Object.defineProperty(override.getUserMedia, 'length', { value: own.value.length });
  Object.defineProperty(MediaDevices.prototype, 'getUserMedia', { ...own, value });
  return Object.assign(media, {
    unwrap() {
      Object.defineProperty(MediaDevices.prototype, 'getUserMedia', own);
    },
  });
}

/** Seconds from microphone to clean track. @param {MediaOptions} options */
function latency(options) {
  return (firstDepth(options) + DELAY) / SAMPLE_RATE;
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
async function withTimeout(promise) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the audio graph did not start within ${START_TIMEOUT / 1000} s`)), START_TIMEOUT);
  });
  try {
    return await Promise.race([promise, /** @type {Promise<never>} */ (late)]);
  } finally {
    clearTimeout(timer);
  }
}
