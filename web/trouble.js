/** What went wrong, for a visitor: plain words and what to do. The drop-in's own words are for the page's developer. */

/** By the codes of worklet/errors.js. @type {Record<string, string>} */
const WORDS = {
  unsupported: 'This browser cannot run the enhancer. A recent Chrome, Edge, Firefox or Safari can.',
  worklet: 'The sound processor did not load. Reload the page; if that does not help, its host serves it incompletely.',
  context: 'This sound device does not suit the browser. Choose another in the system’s settings, then start again.',
  suspended: 'The browser holds all sound back: stop, then press Start again.',
  boot: 'The enhancer did not load. Check your connection, then start it again.',
  model: 'The chosen model did not load. Choose another, then start the enhancer again.',
  enhancer: 'The enhancer stopped because of an error. Start it again; if that keeps happening, try another model.',
  stalled: 'The enhancer stopped answering: the machine is very busy. Close what you do not need, then start it again.',
  overload: 'This machine is too slow just now, even for the smallest model. It is tried again by itself.',
};

/** @param {string} code of the event `fallback` */
export function explain(code) {
  if (code === 'unsupported' && !isSecureContext) {
    return 'You hear the raw sound. Browsers run the enhancer on secure pages only: open this page over https.';
  }
  return `You hear the raw sound. ${WORDS[code] ?? 'The enhancer stopped. Start it again.'}`;
}
