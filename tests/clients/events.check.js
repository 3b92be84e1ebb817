/** Type-checked, never run: a listener knows its event's type, and an event that does not exist is an error. */
import { PercepNet } from '../../worklet/percepnet.js';

/** @param {PercepNet} percepnet */
export function listen(percepnet) {
  percepnet.addEventListener('ready', ({ detail }) => /** @type {string} */ (detail.info.tier));
  percepnet.addEventListener('progress', (event) => event.detail.bytes.toFixed());
  percepnet.addEventListener('fallback', { handleEvent: (event) => event.detail.error.code });
  percepnet.addEventListener('stats', ({ detail }) => detail.computeP99 + detail.latency, { once: true });
  /** @type {EventTarget} */ (percepnet).addEventListener('ready', () => {}); // still an EventTarget

  // @ts-expect-error there is no such event
  percepnet.addEventListener('redy', () => {});
  // @ts-expect-error a misspelt property
  percepnet.addEventListener('fallback', ({ detail }) => detail.mesage);
  // @ts-expect-error not a code
  percepnet.addEventListener('fallback', ({ detail }) => detail.code === 'bot');
}
