/**
 * What can go wrong, each with what to do about it. `code` is for programs, `message` for people.
 *
 * @typedef {'unsupported' | 'worklet' | 'context' | 'suspended' | 'boot' | 'model' | 'enhancer' | 'stalled' | 'overload' | 'budget'} Code
 */

/** @type {Record<Code, string>} */
const REMEDY = {
  unsupported: 'This browser lacks something that the enhancer needs; using the raw microphone.',
  worklet: 'The audio processor could not be loaded, or it stopped: check that the whole worklet folder is being served.',
  context: 'No audio graph at 48 kHz could be created for this microphone; using the raw microphone.',
  suspended: 'The browser suspends audio until the user interacts with the page: call processTrack() from a click or key handler.',
  boot: 'The enhancer did not start: check that the runtime folder is complete where `assets` points, then call restart().',
  model: 'The model could not be downloaded or loaded; set a different `model`, then call restart().',
  enhancer: 'The enhancer failed while running; using the raw microphone. Call restart() to start it again.',
  stalled: 'The enhancer stopped keeping up; using the raw microphone until it recovers. Call restart() to start it again.',
  budget: "This machine is too slow to enhance on the audio thread; using the raw microphone. Choose the engine 'worker' instead.",
  overload: 'This machine is too slow even for the smallest model; using the raw microphone. It will be tried again later.',
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

/** An error's message; of a Python error, which carries its whole traceback, the last line. @param {unknown} error */
export function lastLine(error) {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n').at(-1) ?? '';
}
