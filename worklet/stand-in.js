/**
 * Makes the clean track look like the microphone: to the page it has the microphone's label, settings, capabilities,
 * constraints, mute state and events, and stopping it turns the microphone off.
 *
 * The track is a real MediaStreamTrack (the output of an audio graph), so every browser API accepts it. The properties it
 * would have as a graph's output are overridden (track-members.js), and so are its clones'; like the browser's own, they are
 * switched on and off one by one, and the microphone is released with the last of them.
 */
import { SAMPLE_RATE } from './constants.js';
import { requiresUntouched, suppressionOff, unmetRequirement } from './constraints.js';
import { readTrackConstraints } from './dictionaries.js';
import { FADE } from './graph.js';
import { native, overrideMembers, setFacade } from './track-members.js';

/** Events of the microphone that the page expects on the track. */
const FORWARDED = /** @type {const} */ (['mute', 'unmute']);

/** ms after which a cross-fade from one microphone to another is over. */
const FADED = 3000 * FADE;

export class StandIn {
  /** The tracks that the page may still have in use. @type {Set<MediaStreamTrack>} */
  #tracks = new Set();
  #listening = new AbortController();
  #released = false;
  /** Whether the microphone has the browser's own noise suppression, and whether the voice is left to it. */
  #hasSuppression = false;
  #leftToBrowser = false;

  /**
   * @param {MediaStreamTrack} raw the microphone
   * @param {MediaStreamTrack} clean what the enhancer makes of it
   * @param {import('./percepnet.js').PercepNet} percepnet
   * @param {MediaTrackConstraints} asked the page's own constraints
   */
  constructor(raw, clean, percepnet, asked) {
    overrideMembers();
    this.raw = raw;
    /** The page's latest constraints. */
    this.asked = asked;
    this.percepnet = percepnet;
    /** Called once, when the microphone has been released. */
    this.onReleased = () => {};
    /** Whether whoever controls the enhancer wants enhancement, and whether the page's constraints rule it out. */
    this.enabled = percepnet.enabled;
    this.untouched = false;
    this.#listen();
    /** The track for the page. */
    this.track = this.#disguise(clean, asked);
    // It may have ended while the graph was being made, before anyone listened.
    if (raw.readyState === 'ended') this.#end();
  }

  /** Switch the enhancer on or off; a page that required the untouched microphone keeps it. @param {boolean} enabled */
  setEnabled(enabled) {
    this.enabled = enabled;
    this.percepnet.enabled = enabled && !this.untouched && !this.#leftToBrowser;
  }

  /** Whether to leave the voice to the browser's suppression. @param {boolean} left */
  leaveToBrowser(left) {
    this.#leftToBrowser = left;
    this.setEnabled(this.enabled);
  }

  /** Note whether the microphone now has the browser's suppression. @param {boolean} suppressed */
  noteSuppression(suppressed) {
    this.#hasSuppression = suppressed;
  }

  /**
   * Another capture of the same microphone takes the place of the first, which is stopped.
   *
   * @param {MediaStreamTrack} raw
   * @param {boolean} suppressed whether it has the browser's own noise suppression
   */
  replaceMicrophone(raw, suppressed) {
    const old = this.raw;
    const { muted } = old;
    this.#listening.abort();
    this.#listening = new AbortController();
    this.raw = raw;
    this.#hasSuppression = suppressed;
    this.#listen();
    this.updateCapture();
    this.percepnet.replaceInput(raw);
    if (old.readyState === 'live') setTimeout(() => old.stop(), FADED);
    if (raw.readyState === 'ended') this.#end();
    else if (raw.muted !== muted) this.#announce(raw.muted ? 'mute' : 'unmute');
  }

  /** The microphone had to be stopped and cannot be opened again. */
  lose() {
    this.#end();
  }

  #listen() {
    const { raw } = this;
    const { signal } = this.#listening;
    raw.addEventListener('ended', () => this.#end(), { signal });
    for (const type of FORWARDED) {
      raw.addEventListener(type, () => this.#announce(type), { signal });
    }
  }

  /** @param {'mute' | 'unmute'} type */
  #announce(type) {
    for (const track of [...this.#tracks]) track.dispatchEvent(new Event(type));
  }

  /**
   * @param {MediaStreamTrack} track
   * @param {MediaTrackConstraints} asked
   */
  #disguise(track, asked) {
    setFacade(track, new Microphone(this, track, asked));
    if (track.readyState === 'live') this.#tracks.add(track);
    return track;
  }

  /** @param {MediaStreamTrack} track @param {MediaTrackConstraints} asked @returns {MediaStreamTrack} */
  clone(track, asked) {
    return this.#disguise(native(track).clone(), asked);
  }

  /** @param {MediaStreamTrack} track */
  stop(track) {
    native(track).stop();
    this.#tracks.delete(track);
    if (this.#tracks.size === 0) this.#release();
  }

  /** Disable the microphone while all of its tracks are disabled: the browser shows that it is off, and nothing is computed. */
  updateCapture() {
    this.raw.enabled = [...this.#tracks].some((each) => each.enabled);
  }

  /** @param {MediaTrackConstraints} wanted */
  async apply(wanted) {
    const unmet = unmetRequirement(wanted, this.percepnet.latency / SAMPLE_RATE);
    // Provoke the browser's own error, with a requirement that no microphone can meet.
    const forBrowser = this.#hasSuppression ? wanted : suppressionOff(wanted);
    await this.raw.applyConstraints(unmet ? { [unmet]: { min: 1e9 } } : forBrowser);
    this.asked = wanted;
    this.untouched = requiresUntouched(wanted);
    this.setEnabled(this.enabled);
  }

  /** The microphone was unplugged or revoked: report it as a microphone does. */
  #end() {
    const tracks = [...this.#tracks];
    this.#tracks.clear();
    for (const track of tracks) native(track).stop();
    this.#release();
    for (const track of tracks) track.dispatchEvent(new Event('ended'));
  }

  #release() {
    if (this.#released) return;
    this.#released = true;
    this.#listening.abort();
    this.raw.stop();
    this.percepnet.destroy();
    this.onReleased();
  }
}

/** How one of the tracks presents itself: a Facade, see track-members.js. */
class Microphone {
  #standIn;
  #track;
  #constraints;

  /** @param {StandIn} standIn @param {MediaStreamTrack} track @param {MediaTrackConstraints} constraints of the page */
  constructor(standIn, track, constraints) {
    this.#standIn = standIn;
    this.#track = track;
    this.#constraints = constraints;
  }

  get label() {
    return this.#standIn.raw.label;
  }

  get muted() {
    return this.#standIn.raw.muted;
  }

  get enabled() {
    return native(this.#track).enabled;
  }

  set enabled(value) {
    native(this.#track).enabled = value;
    this.#standIn.updateCapture();
  }

  stop() {
    this.#standIn.stop(this.#track);
  }

  clone() {
    return this.#standIn.clone(this.#track, this.#constraints);
  }

  getConstraints() {
    return readTrackConstraints(this.#constraints);
  }

  /** @param {unknown} [asked] */
  async applyConstraints(asked) {
    const wanted = readTrackConstraints(asked);
    await this.#standIn.apply(wanted);
    this.#constraints = wanted;
  }

  getCapabilities() {
    const { channelCount, sampleRate, ...others } = this.#standIn.raw.getCapabilities();
    return {
      ...others,
      ...(channelCount && { channelCount: { min: 1, max: 1 } }),
      ...(sampleRate && { sampleRate: { min: SAMPLE_RATE, max: SAMPLE_RATE } }),
    };
  }

  getSettings() {
    const { raw, percepnet } = this.#standIn;
    const settings = raw.getSettings();
    const suppressed = (percepnet.state === 'ready' || percepnet.early !== undefined) && percepnet.enabled;
    return {
      ...settings,
      channelCount: 1,
      sampleRate: SAMPLE_RATE,
      latency: (/** @type {any} */ (settings).latency ?? 0) + percepnet.latency / SAMPLE_RATE + percepnet.graphLatency,
      noiseSuppression: suppressed || settings.noiseSuppression === true,
    };
  }
}
