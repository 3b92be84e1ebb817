/** The one sentence that gives the current state, its reason, the progress of loading, and the way back from a failure. */
import { element } from './dom.js';

/** What is loaded or done, by the stages of the event `progress`. @type {Record<string, string>} */
const STAGES = {
  runtime: 'Loading Python',
  packages: 'Loading NumPy and the enhancer',
  model: 'Loading the model',
  'warm-up': 'Warming up',
};

/** What is heard, by the state of the event `playing`. @type {Record<string, string>} */
export const PLAYING = {
  waiting: 'raw until it is ready',
  enhanced: '',
  starved: 'raw: too slow',
  resting: 'silence',
  bypassed: 'raw: bypassed',
};

/**
 * @param {string} text
 * @param {'idle' | 'loading' | 'running' | 'trouble'} kind
 * @param {{restart?: boolean, reason?: string}} [options] offer to start the enhancer again; the reason, for developers
 */
export function say(text, kind = 'idle', { restart = false, reason = '' } = {}) {
  const state = element('state');
  if (state.textContent !== text) state.textContent = text;
  state.parentElement.className = kind === 'trouble' ? 'status note alarm' : 'status note';
  element('restart').hidden = !restart;
  element('why').hidden = reason === '';
  element('reason').textContent = reason;
  if (kind !== 'loading') element('progress').hidden = true;
}

/**
 * What is heard while Python loads: the program that loads first may already be enhancing.
 *
 * @param {boolean} heard whether anything is
 * @param {string} [playing] state of the event `playing`
 */
export function meanwhile(heard, playing) {
  if (!heard) return '';
  return playing === 'enhanced'
    ? ' You already hear the enhanced sound, from WebAssembly; Python will take over.'
    : ' You hear the raw sound until it is ready.';
}

/** @param {{stage: string, bytes: number, total?: number}} progress @param {string} heard in words: see meanwhile() */
export function sayProgress({ stage, bytes, total }, heard) {
  const bar = element('progress');
  bar.hidden = false;
  if (total) {
    bar.max = total;
    bar.value = Math.min(bytes, total);
  } else {
    bar.removeAttribute('value');
  }
  const size = total ? `${megabytes(bytes)} of ${megabytes(total)} MB` : `${megabytes(bytes)} MB so far`;
  bar.setAttribute('aria-valuetext', size);
  element('bytes').textContent = size;
  say(`${STAGES[stage] ?? stage}.${heard}`, 'loading');
}

/** @param {number} bytes */
function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}
