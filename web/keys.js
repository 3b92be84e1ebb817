/** Single keys that act, unless the visitor switches them off or is typing. */
import { element } from './dom.js';

/** Elements that make use of letters and digits themselves. */
const TYPED = 'select, textarea, audio, summary';
/** Elements that the space bar activates. */
const PRESSED = 'button, input, a';

/** @param {Record<string, () => unknown>} actions by key, in lower case; one that returns false leaves the key to the browser */
export function actOnKeys(actions) {
  document.addEventListener('keydown', (event) => {
    const { key, ctrlKey, metaKey, altKey, repeat } = event;
    if (!element('keys').checked || ctrlKey || metaKey || altKey || repeat) return;
    const target = /** @type {Element} */ (event.target);
    if (target.closest(key === ' ' ? `${TYPED}, ${PRESSED}` : TYPED)) return;
    const act = Object.hasOwn(actions, key.toLowerCase()) ? actions[key.toLowerCase()] : undefined;
    if (act && act() !== false) event.preventDefault();
  });
}
