/** Single keys that act, unless the visitor switches them off or types something. */
import { element } from './dom.js';

/** @param {Record<string, () => void>} actions by key, in lower case */
export function actOnKeys(actions) {
  document.addEventListener('keydown', ({ key, ctrlKey, metaKey, altKey, repeat, target }) => {
    if (!element('keys').checked || ctrlKey || metaKey || altKey || repeat) return;
    if (/** @type {Element} */ (target).matches('select, textarea, audio')) return; // where letters mean something
    actions[key.toLowerCase()]?.();
  });
}
