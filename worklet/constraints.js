/**
 * What a page asks of its microphone, as the enhancer wants it asked: the browser's own noise suppression off (two
 * suppressors in a row spoil the voice), echo cancellation as the page wants it, all else untouched.
 *
 * A page that demands an answer gets it: `noiseSuppression: {exact: true}` stays as it is, and `{exact: false}`, a
 * demand for the untouched microphone, turns the enhancer off. A plain `true` or `false` is a wish, as the standard has
 * it, and the enhancer's owner has a better one.
 */

/**
 * @typedef {object} Request
 * @property {MediaStreamConstraints} constraints to hand to the browser
 * @property {boolean} enhance whether the microphone is to be enhanced
 */

/**
 * @param {MediaStreamConstraints | undefined} asked as given to getUserMedia; may be anything
 * @returns {Request}
 */
export function microphoneRequest(asked) {
  const audio = asked?.audio;
  if (!audio) return { constraints: /** @type {MediaStreamConstraints} */ (asked), enhance: false };
  const wanted = audio === true ? {} : audio;
  return { constraints: { ...asked, audio: withoutSuppression(wanted) }, enhance: !demandsUntouched(wanted) };
}

/**
 * @param {MediaTrackConstraints} asked
 * @returns {MediaTrackConstraints} a copy, unless it must stay as it is
 */
export function withoutSuppression(asked) {
  if (typeof asked !== 'object' || demanded(asked) !== undefined || isLegacy(asked)) return asked;
  /** @type {MediaTrackConstraints} */
  const constraints = { echoCancellation: true, ...asked, noiseSuppression: false };
  if (Array.isArray(asked.advanced)) {
    constraints.advanced = asked.advanced.map(({ noiseSuppression, ...others }) => others);
  }
  return constraints;
}

/** Whether the page demands a microphone that nobody has touched. @param {MediaTrackConstraints} asked */
export function demandsUntouched(asked) {
  return demanded(asked) === false;
}

/** The value that the page insists on, if any. @param {MediaTrackConstraints} asked */
function demanded({ noiseSuppression }) {
  return noiseSuppression !== null && typeof noiseSuppression === 'object' ? noiseSuppression.exact : undefined;
}

/** The syntax from before the standard; browsers refuse to see it mixed with today's. @param {object} asked */
function isLegacy(asked) {
  return 'mandatory' in asked || 'optional' in asked;
}
