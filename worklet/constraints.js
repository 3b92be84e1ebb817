/**
 * What a page asks of its microphone, and how the enhancer asks for it: the browser's own noise suppression off, since two
 * suppressors in a row degrade the voice; echo cancellation as the page wants it; everything else unchanged.
 *
 * A plain `noiseSuppression: true` or `false` is only a preference in the standard's terms, and the enhancer is the better way
 * to meet it. A requirement (`exact`, `min`, `max`) that the clean track cannot meet gets the untouched microphone.
 */
import { SAMPLE_RATE } from './constants.js';
import { readTrackConstraints } from './dictionaries.js';

/**
 * @typedef {object} Request
 * @property {MediaStreamConstraints} constraints to pass to the browser
 * @property {MediaTrackConstraints | undefined} microphone a copy of what the page asks of its microphone, if that is to be
 *     enhanced
 */

/** Members of MediaStreamConstraints to read in addition to those that the page's object lists. */
const STREAM_MEMBERS = ['audio', 'video', 'peerIdentity'];

/**
 * Read a request at once, as the browser would: the page may change its object after the call.
 *
 * @param {unknown} asked as given to getUserMedia; may be anything
 * @param {number} [latency] seconds that enhancement adds
 * @returns {Request} `constraints` is `asked` itself if nothing has to be changed
 */
export function microphoneRequest(asked, latency = 0) {
  const untouched = { constraints: /** @type {MediaStreamConstraints} */ (asked), microphone: undefined };
  if (!isObject(asked)) return untouched;
  const { audio } = /** @type {any} */ (asked);
  // In WebIDL null is the empty dictionary here, and any other primitive a boolean.
  const wanted = audio === null || isObject(audio) ? readTrackConstraints(audio) : audio && {};
  if (!wanted || isDisplayAudio(wanted) || requiresUntouched(wanted, latency)) return untouched;
  /** @type {Record<string, any>} */
  const constraints = {};
  const names = new Set(STREAM_MEMBERS);
  for (const name in /** @type {object} */ (asked)) names.add(name);
  for (const name of names) {
    const value = name === 'audio' ? withoutSuppression(wanted) : /** @type {any} */ (asked)[name];
    if (value !== undefined) constraints[name] = value;
  }
  return { constraints, microphone: wanted };
}

/**
 * @param {MediaTrackConstraints} asked
 * @returns {MediaTrackConstraints} a copy, unless it must stay as it is
 */
export function withoutSuppression(asked) {
  if (!isObject(asked) || exactValue(asked.noiseSuppression) !== undefined || isLegacy(asked)) return asked;
  return suppressionOff(asked);
}

/**
 * The same for a microphone that is already open; here the enhancer satisfies even a requirement for suppression.
 *
 * @param {MediaTrackConstraints} asked
 */
export function suppressionOff(asked) {
  if (isLegacy(asked)) return asked;
  /** @type {MediaTrackConstraints} */
  const constraints = { echoCancellation: true, ...asked, noiseSuppression: false };
  if (Array.isArray(asked.advanced)) constraints.advanced = asked.advanced.map(leaveOutSuppression);
  return constraints;
}

/** @param {MediaTrackConstraintSet | null | undefined} set */
function leaveOutSuppression(set) {
  const { noiseSuppression, ...others } = set ?? {};
  return others;
}

/**
 * Whether the page requires what only an untouched microphone can give: no suppression, stereo, another sample rate, or less
 * delay than the enhancer adds.
 *
 * @param {MediaTrackConstraints} asked
 * @param {number} [latency] seconds that enhancement adds
 */
export function requiresUntouched(asked, latency = 0) {
  return exactValue(asked.noiseSuppression) === false || unmetRequirement(asked, latency) !== undefined;
}

/**
 * @param {MediaTrackConstraints} asked
 * @param {number} [latency] seconds that enhancement adds
 * @returns {string | undefined} the first constraint that a mono track at 48 kHz cannot meet
 */
export function unmetRequirement(asked, latency = 0) {
  if (excludes(asked.channelCount, 1)) return 'channelCount';
  if (excludes(asked.sampleRate, SAMPLE_RATE)) return 'sampleRate';
  const { exact, max } = range(/** @type {any} */ (asked).latency);
  return Math.min(exact ?? Infinity, max ?? Infinity) < latency ? 'latency' : undefined;
}

/** Whether the browser would suppress noise: it does unless the page says not to. @param {MediaTrackConstraints} asked */
export function wantsSuppression({ noiseSuppression }) {
  return noiseSuppression !== false && range(noiseSuppression).ideal !== false;
}

/** @param {unknown} constraint @param {number} value */
function excludes(constraint, value) {
  const { exact, min, max } = range(constraint);
  return (exact !== undefined && exact !== value) || min > value || max < value;
}

/** The value that the page requires, if any. @param {unknown} constraint */
function exactValue(constraint) {
  return range(constraint).exact;
}

/** @param {unknown} constraint a bare value is a preference @returns {Record<string, any>} */
function range(constraint) {
  return isObject(constraint) ? /** @type {Record<string, any>} */ (constraint) : {};
}

/** The pre-standard syntax; browsers reject a mixture of it with the current one. @param {object} asked */
function isLegacy(asked) {
  return 'mandatory' in asked || 'optional' in asked;
}

/**
 * Whether this is the sound of a screen, a window or a tab (Electron, browser extensions, Firefox) and not a microphone.
 *
 * @param {any} asked
 */
function isDisplayAudio(asked) {
  const legacy = [asked.mandatory, ...(Array.isArray(asked.optional) ? asked.optional : [])];
  return ![undefined, 'microphone'].includes(asked.mediaSource) || legacy.some((set) => set?.chromeMediaSource !== undefined);
}

/** @param {unknown} value @returns {value is object} as WebIDL means it: a function is one too */
function isObject(value) {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
