/**
 * What can go wrong, each with what to do about it. `code` is for programs, `message` for people.
 *
 * @typedef {'unsupported' | 'worklet' | 'context' | 'suspended' | 'boot' | 'model' | 'enhancer' | 'stalled' | 'overload'} Code
 */

/** @type {Record<Code, string>} */
const REMEDY = {
  unsupported: 'The browser lacks something the enhancer needs; the raw microphone is used.',
  worklet: 'The audio processor could not be loaded or stopped: check that the worklet folder is served completely.',
  context: 'No audio graph at 48 kHz could be made for this microphone; the raw microphone is used.',
  suspended: 'The browser keeps audio suspended until the user acts: call processTrack() from a click or a key press.',
  boot: 'The enhancer did not start: check that the runtime folder is complete where `assets` points, then restart().',
  model: 'The model could not be had or used; give another by `model`, then restart().',
  enhancer: 'The enhancer failed while running; the raw microphone is used. restart() starts it afresh.',
  stalled: 'The enhancer stopped keeping up; the raw microphone is used meanwhile. restart() starts it afresh.',
  overload: 'This machine does not keep up, even with the smallest model; the raw microphone is used, and it is tried again.',
};

export class PercepNetError extends Error {
  /** @param {Code} code @param {unknown} [cause] */
  constructor(code, cause) {
    const detail = cause instanceof Error ? cause.message : (cause ?? '');
    super(detail === '' ? REMEDY[code] : `${REMEDY[code]} (${detail})`);
    this.name = 'PercepNetError';
    /** @type {Code} */
    this.code = code;
    this.cause = cause;
  }
}
