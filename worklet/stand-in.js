/**
 * The clean track as a microphone: for the page it has the raw track's label, settings, capabilities, constraints, mute
 * state and events, and stopping it turns the microphone off.
 *
 * The track is a real MediaStreamTrack (the output of an audio graph), so every browser API takes it. What it would say
 * of itself as a graph's output is covered by properties of its own. Clones are covered likewise; like the browser's,
 * they are on and off one by one, and the microphone is released with the last of them.
 */
import { demandsUntouched, withoutSuppression } from './constraints.js';
import { SAMPLE_RATE } from './constants.js';

/** Events of the microphone that the page expects on the track. */
const FORWARDED = /** @type {const} */ (['mute', 'unmute']);

/** Every track covered, so that streams can be cloned track by track. @type {WeakSet<MediaStreamTrack>} */
const covered = new WeakSet();

export class StandIn {
  /** The tracks that the page may still have in use. @type {Set<MediaStreamTrack>} */
  #tracks = new Set();
  #listening = new AbortController();

  /**
   * @param {MediaStreamTrack} raw the microphone
   * @param {MediaStreamTrack} clean what the enhancer makes of it
   * @param {import('./percepnet.js').PercepNet} percepnet
   * @param {MediaTrackConstraints} asked the page's own constraints
   * @param {() => void} [onReleased] called once, when the microphone has been let go
   */
  constructor(raw, clean, percepnet, asked, onReleased = () => {}) {
    this.raw = raw;
    this.percepnet = percepnet;
    this.onReleased = onReleased;
    /** What the enhancer's owner wants, and whether the page demands the untouched microphone all the same. */
    this.enabled = percepnet.enabled;
    this.untouched = false;
    const { signal } = this.#listening;
    raw.addEventListener('ended', () => this.#end(), { signal });
    for (const type of FORWARDED) {
      raw.addEventListener(type, () => [...this.#tracks].forEach((track) => track.dispatchEvent(new Event(type))), {
        signal,
      });
    }
    /** The track for the page. */
    this.track = this.#cover(clean, asked);
    // It may have ended while the graph was made; that event has gone by.
    if (raw.readyState === 'ended') this.#end();
  }

  /** Switch the enhancer; a page that demanded the untouched microphone keeps it. @param {boolean} enabled */
  setEnabled(enabled) {
    this.enabled = enabled;
    this.percepnet.enabled = enabled && !this.untouched;
  }

  /**
   * @param {MediaStreamTrack} track
   * @param {MediaTrackConstraints} asked
   */
  #cover(track, asked) {
    const { raw, percepnet } = this;
    const native = MediaStreamTrack.prototype;
    const isOn = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(native, 'enabled'));
    let constraints = asked;

    /** @type {PropertyDescriptorMap} */
    const properties = {
      label: { get: () => raw.label },
      muted: { get: () => raw.muted },
      enabled: {
        get: () => isOn.get?.call(track),
        set: (value) => {
          isOn.set?.call(track, value);
          // The microphone itself too, once nobody hears it: the browser shows it as off and nothing is computed.
          raw.enabled = [...this.#tracks].some((each) => each.enabled);
        },
      },
    };
    /** @type {Record<string, Function>} */
    const methods = {
      stop: () => {
        native.stop.call(track);
        this.#tracks.delete(track);
        if (this.#tracks.size === 0) this.#release();
      },
      clone: () => {
        const copy = native.clone.call(track);
        return track.readyState === 'ended' ? copy : this.#cover(copy, constraints);
      },
      getConstraints: () => structuredClone(constraints),
      applyConstraints: async (/** @type {MediaTrackConstraints} */ wanted = {}) => {
        await raw.applyConstraints(withoutSuppression(wanted));
        constraints = structuredClone(wanted);
        this.untouched = demandsUntouched(wanted);
        this.setEnabled(this.enabled);
      },
      getSettings: () => {
        const settings = raw.getSettings();
        const suppressed = percepnet.state === 'ready' && percepnet.enabled;
        return {
          ...settings,
          channelCount: 1,
          sampleRate: SAMPLE_RATE,
          latency: (/** @type {{latency?: number}} */ (settings).latency ?? 0) + percepnet.latency / SAMPLE_RATE,
          noiseSuppression: suppressed || settings.noiseSuppression === true,
        };
      },
    };
    // Not every browser has it.
    if (raw.getCapabilities) methods.getCapabilities = () => raw.getCapabilities();
    for (const [name, value] of Object.entries(methods)) properties[name] = { value, writable: true };
    for (const property of Object.values(properties)) property.configurable = true;
    Object.defineProperties(track, properties);
    covered.add(track);
    this.#tracks.add(track);
    return track;
  }

  /** The microphone was unplugged or taken away: say so, as a microphone does. */
  #end() {
    const tracks = [...this.#tracks];
    this.#tracks.clear();
    for (const track of tracks) MediaStreamTrack.prototype.stop.call(track);
    this.#release();
    for (const track of tracks) track.dispatchEvent(new Event('ended'));
  }

  #release() {
    if (this.#listening.signal.aborted) return;
    this.#listening.abort();
    this.raw.stop();
    this.percepnet.destroy();
    this.onReleased();
  }
}

/**
 * A stream's clone() copies its tracks inside the browser, past the properties above: copy those in JavaScript.
 *
 * @returns {() => void} undo
 */
export function coverStreamClones() {
  const native = MediaStream.prototype.clone;
  MediaStream.prototype.clone = function clone() {
    const tracks = this.getTracks();
    return tracks.some((track) => covered.has(track))
      ? new MediaStream(tracks.map((track) => track.clone()))
      : native.call(this);
  };
  return () => {
    MediaStream.prototype.clone = native;
  };
}
