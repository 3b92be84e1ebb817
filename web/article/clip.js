/** The controls that choose speech and noise. */
import { element } from '../dom.js';
import { fetchSound, readSound, recordSound, whiteNoise } from './sounds.js';

/** @typedef {() => Promise<Float32Array> | Float32Array} Get */

/** What the page begins with. @type {Record<'speech' | 'noise', Get>} */
export const BUNDLED = { speech: () => fetchSound('clips/speech.wav'), noise: () => fetchSound('clips/room.wav') };

/**
 * @param {(part: 'speech' | 'noise', get: Get) => unknown} change called with what the visitor chose
 * @param {(text: string) => void} say
 */
export function offerSounds(change, say) {
  /** @type {Record<'speech' | 'noise', Record<string, Get>>} */
  const choices = {
    speech: {
      clip: BUNDLED.speech,
      file: () => chosenFile('speech-file'),
      microphone: () => recordSound((left) => say(`Recording: speak now, ${left} s left …`)),
    },
    noise: { room: BUNDLED.noise, file: () => chosenFile('noise-file'), white: whiteNoise },
  };
  for (const part of /** @type {const} */ (['speech', 'noise'])) {
    const select = element(part);
    const picker = element(`${part}-file`);
    select.addEventListener('change', () => {
      if (select.value === 'file') picker.click();
      else change(part, choices[part][select.value]);
    });
    picker.addEventListener('change', () => change(part, choices[part].file));
  }
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    element('speech').value = 'file';
    change('speech', () => readSound(file));
  });
}

/** @param {string} id @returns {Promise<Float32Array>} */
function chosenFile(id) {
  const [file] = element(id).files;
  return file ? readSound(file) : Promise.reject(new Error('No file was chosen: the last sound is kept.'));
}
