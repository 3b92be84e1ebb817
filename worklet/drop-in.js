/**
 * One tag and no other change: every microphone of the page is enhanced.
 *
 *     <script src="percepnet/worklet/drop-in.js" data-attenuation-limit="20"></script>
 *
 * The build bundles this module and its imports into one classic script, so that getUserMedia is wrapped before any later
 * script runs, and the page's module loader is not involved: a browser that allows only one import map per document rejects
 * it after the first module. Keep the tag above the page's own scripts and without `async` or `defer`.
 *
 * `await window.percepnet` returns the controls: enabled, attenuationLimit, instances, events.
 */
import { readAttributes } from './attributes.js';
import { wrapGetUserMedia } from './clean-media.js';
import { wrapCallbackGetUserMedia } from './callbacks.js';

function install() {
  const page = /** @type {any} */ (window);
  const script = /** @type {HTMLScriptElement | null} */ (document.currentScript);
  if (!script?.src) return console.error('percepnet: load the built drop-in.js as a classic script, with <script src>');
  if (!globalThis.MediaDevices?.prototype.getUserMedia) {
    return console.warn('percepnet: this page cannot use a microphone: serve it over https or from localhost');
  }
  if (page.percepnet) return console.warn('percepnet: window.percepnet already exists, so nothing was loaded: include drop-in.js only once');

  const { options, problems } = readAttributes(script.dataset);
  for (const problem of problems) console.error(`percepnet: ${problem}`);
  page.percepnet = Promise.resolve(wrapGetUserMedia(options));
  wrapCallbackGetUserMedia();
}

try {
  install();
} catch (error) {
  console.error('percepnet: drop-in.js failed, so the microphone stays raw:', error);
}
