/** What went wrong and what to do, in plain words for a visitor. The module's own messages are for the page's developer. */

/** By the codes of worklet/errors.js. @type {Record<string, string>} */
const WORDS = {
  unsupported: 'This browser cannot run the enhancer. A recent Chrome, Edge or Firefox can.',
  worklet: 'The audio processor did not load. Reload the page; if that does not help, files are missing on this site.',
  context: 'The browser cannot use this audio device. Choose another in the system’s settings, then start again.',
  suspended: 'The browser has paused all sound: press Stop, then Start.',
  boot: 'The enhancer could not be loaded. Check your connection, then start it again.',
  model: 'The model could not be loaded. Choose another, then start the enhancer again.',
  enhancer: 'The enhancer stopped because of an error. Start it again; if it keeps happening, try another model.',
  stalled: 'The enhancer stopped responding: this machine is very busy. Close what you do not need, then start it again.',
  overload: 'This machine is currently too slow, even for the smallest model. The page will try again on its own.',
};

const OFFLINE = 'You are offline, and the enhancer has not been downloaded yet. Connect to the network, then start it again.';

/** @param {string} code of the event `fallback` @param {boolean} heard whether the raw sound is */
export function explain(code, heard) {
  const raw = heard ? 'You hear the raw sound. ' : '';
  if (code === 'unsupported' && !isSecureContext) {
    return `${raw}Browsers run the enhancer only on secure pages: open this page over https.`;
  }
  if ((code === 'boot' || code === 'worklet') && !navigator.onLine) return raw + OFFLINE;
  return raw + (WORDS[code] ?? 'The enhancer stopped. Start it again.');
}
