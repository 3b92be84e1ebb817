/** A browser's microphones, and the clean track's PercepNet, for tests of the drop-in in Node. */

/** What a test may change. */
export const world = {
  /** The state of the microphone's permission. */
  permission: 'granted',
  /** Whether applyConstraints() switches the suppression of an open track, as in Firefox. */
  obedient: false,
};

export class Track extends EventTarget {
  kind = 'audio';
  enabled_ = true;
  muted_ = false;
  readyState = 'live';
  /** @type {any} */
  applied;

  constructor(/** @type {any} */ settings = {}) {
    super();
    this.settings = { deviceId: 'usb', noiseSuppression: false, ...settings };
  }

  get label() {
    return 'Microphone';
  }

  get muted() {
    return this.muted_;
  }

  get enabled() {
    return this.enabled_;
  }

  set enabled(value) {
    this.enabled_ = value;
  }

  stop() {
    this.readyState = 'ended';
  }

  clone() {
    return new Track(this.settings);
  }

  getConstraints() {
    return {};
  }

  getSettings() {
    return this.settings;
  }

  getCapabilities() {
    return { channelCount: { min: 1, max: 2 } };
  }

  async applyConstraints(/** @type {any} */ constraints) {
    this.applied = constraints;
    if (world.obedient) this.settings.noiseSuppression = constraints.noiseSuppression;
  }
}

export class PercepNet extends EventTarget {
  state = 'loading';
  /** @type {{code: string} | undefined} */
  reason;
  /** @type {object | undefined} */
  early;
  enabled = true;
  latency = 3360;
  graphLatency = 0.005;
  destroyed = 0;
  fades = 0;

  /** @param {any} track */
  replaceInput(track) {
    this.input = track;
  }

  async fadeInput() {
    this.fades += 1;
  }

  /** @param {string} state @param {string} [code] */
  become(state, code) {
    this.state = state;
    this.reason = code ? { code } : undefined;
    this.dispatchEvent(new Event(state));
  }

  destroy() {
    this.destroyed += 1;
  }
}

Object.assign(globalThis, {
  MediaStreamTrack: Track,
  MediaStream: class {
    clone() {}
  },
  document: Object.assign(new EventTarget(), { visibilityState: 'visible' }),
});
const navigator = { permissions: { query: async () => ({ state: world.permission }) } };
Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true }); // Node has one of its own, or none

/** @typedef {Track | Error | Promise<Track> | undefined} Answer undefined: a track as asked */

/**
 * A browser's getUserMedia.
 *
 * @param {(asked: any) => Answer} answer
 */
export function browserWith(answer) {
  /** @type {any[]} */
  const asks = [];
  const browser = {
    answer,
    asks,
    getUserMedia: async (/** @type {any} */ { audio }) => {
      asks.push(audio);
      const wish = audio.noiseSuppression?.exact ?? audio.noiseSuppression;
      const track = (await browser.answer(audio)) ?? new Track({ noiseSuppression: wish !== false });
      if (track instanceof Error) throw track;
      return { getAudioTracks: () => [track] };
    },
  };
  return /** @type {any} */ (browser);
}
