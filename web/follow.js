/** What the enhancer tells while it runs, told to the visitor. */
import { element, write } from './dom.js';
import { showStats } from './facts.js';
import { PLAYING, say, sayProgress } from './status.js';
import { explain } from './trouble.js';

/** @typedef {import('./session.js').Session} Session */

/** @param {Session} session @param {() => void} sayRunning says that all is well */
export function follow(session, sayRunning) {
  const { percepnet, sound } = session;
  /** @type {(type: keyof import('./worklet/events.js').Events, show: (detail: any) => void) => void} */
  const on = (type, show) =>
    percepnet.addEventListener(type, (event) => {
      if (!session.closed) show(/** @type {CustomEvent} */ (event).detail);
    });
  on('progress', sayProgress);
  on('ready', sayRunning);
  on('stats', (stats) => showStats({ ...stats, tier: percepnet.tier }));
  on('playing', ({ state }) => {
    write('playing', PLAYING[state]);
    if (state === 'enhanced' && percepnet.state === 'ready') sayRunning();
    // A fallback has said already why the sound is bypassed.
    if (state === 'resting') say(`${session.microphone ? 'The microphone is muted' : 'Silence'}: the enhancer is idle.`, 'running');
  });
  on('overload', ({ action, tier }) => {
    if (action === 'step-down') element('tier').value = tier;
    say(
      action === 'step-down'
        ? `This machine did not keep up: the smaller model ${tier} has taken over.`
        : 'This machine does not keep up just now; some of the sound is raw.',
      'trouble',
    );
  });
  on('error', ({ message }) => say('Something went wrong for a moment; some of the sound was raw.', 'trouble', { reason: message }));
  on('fallback', ({ code, message }) => {
    if (code === 'worklet') sound.bypass();
    say(explain(code), 'trouble', { restart: code !== 'unsupported' && code !== 'overload', reason: message });
  });
}
