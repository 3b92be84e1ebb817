/** The controls that choose speech and noise. */
import { element } from '../dom.js';
import { acceptDrops } from '../drop.js';
import { TAKE, fetchMono, fetchVoice, readMono, recordMono, whiteNoise } from './sounds.js';

/** @typedef {() => Promise<Float32Array> | Float32Array} Get */

/** What the page begins with. @type {Record<'speech' | 'noise', Get>} */
export const BUNDLED = { speech: fetchVoice, noise: () => fetchMono('clips/room.wav') };

/**
 * @param {(part: 'speech' | 'noise', get: Get) => unknown} change called with what the visitor chose
 * @param {(text: string) => void} say
 * @param {() => void} pause called before the microphone is opened
 */
export function offerSounds(change, say, pause) {
  // Arrow keys step through a list as well, so whatever opens a dialog or the microphone has a button of its own.
  for (const part of /** @type {const} */ (['speech', 'noise'])) {
    const select = element(part);
    const picker = element(`${part}-file`);
    select.addEventListener('change', () => {
      picker.hidden = select.value !== 'file';
      if (part === 'speech') element('record').hidden = select.value !== 'microphone';
      if (select.value === 'white') change(part, whiteNoise);
      else if (select.value === 'bundled') change(part, BUNDLED[part]);
    });
    picker.addEventListener('change', () => {
      const [file] = picker.files;
      if (file) change(part, () => readMono(file));
    });
  }
  const record = element('record');
  const offer = (record.textContent = `Record ${TAKE} s`);
  record.addEventListener('click', async () => {
    record.disabled = true;
    pause();
    const showTimeLeft = (/** @type {number} */ left) => {
      say(`Recording: speak now, ${left} s left …`);
      record.textContent = `Speak: ${left} s left`; // where the visitor is looking
    };
    await change('speech', () => recordMono(showTimeLeft));
    record.textContent = offer;
    record.disabled = false;
  });
  acceptDrops(element('drop'), (file) => {
    element('speech').value = 'file';
    element('speech-file').hidden = false;
    change('speech', () => readMono(file));
  });
}
