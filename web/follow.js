/** The enhancer's events, in words for the visitor. */
import { element, write } from './dom.js';
import { showStats } from './facts.js';
import { PLAYING, meanwhile, say, sayProgress } from './status.js';
import { explain } from './trouble.js';

/**
 * @param {import('./session.js').Session} session
 * @param {import('./worklet/percepnet.js').PercepNet} percepnet
 * @param {() => void} sayRunning says that all is well
 */
export function follow(session, percepnet, sayRunning) {
  /** @type {(type: keyof import('./worklet/events.js').Events, show: (detail: any) => void) => void} */
  const on = (type, show) =>
    percepnet.addEventListener(type, (event) => {
      event.preventDefault(); // the page reports it, so the console need not
      if (session.playing) show(/** @type {CustomEvent} */ (event).detail);
    });
  on('progress', (progress) => sayProgress(progress, meanwhile(session.heard, percepnet.playing)));
  on('ready', sayRunning);
  on('stats', (stats) => showStats({ ...stats, tier: percepnet.tier }));
  on('playing', ({ state }) => {
    write('playing', PLAYING[state]);
    if (state === 'enhanced' && percepnet.state === 'ready') sayRunning();
    // When it is bypassed, the event `fallback` has said why.
    if (state === 'resting') say(`${session.microphone ? 'The microphone is muted' : 'Silence'}: the enhancer is idle.`, 'running');
  });
  on('overload', ({ action, tier }) => {
    if (action === 'step-down') element('tier').value = tier;
    say(
      action === 'step-down'
        ? `This machine could not keep up, so the smaller model ${tier} has taken over.`
        : 'This machine cannot keep up at the moment; some of the sound is raw.',
      'trouble',
    );
  });
  on('error', ({ message }) => say('The enhancer failed for a moment; some of the sound was raw.', 'trouble', { reason: message }));
  on('fallback', ({ code, message }) => {
    if (code === 'worklet') session.sound.bypass();
    say(explain(code, session.heard), 'trouble', { restart: code !== 'unsupported' && code !== 'overload', reason: message });
  });
}
