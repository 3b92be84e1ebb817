/** The samples that come with the page. samples/samples.json is the recipe they were mixed by, and their credits. */
import { DownloadError, fetchSound } from './audio-files.js';
import { element } from './dom.js';

/**
 * @typedef {{title: string, author: string, licence: string, url: string}} Source
 *
 * @typedef {object} Sample
 * @property {string} id
 * @property {string} title
 * @property {string} about
 * @property {number} snr_db
 * @property {string[][]} speech the name of the source first
 * @property {{source: string, room?: string[]}[]} noise
 * @property {string[]} [room] the name of the source first
 */

/** Without the list there is still a sample to hear. */
export const FIRST = 'cafe';

/** Safari decodes Ogg from version 18.4 on. */
const SUFFIXES = document.createElement('audio').canPlayType('audio/ogg; codecs=opus') ? ['opus', 'mp3'] : ['mp3'];

/** @param {string} id @returns {Promise<AudioBuffer>} */
export async function fetchSample(id) {
  for (const suffix of SUFFIXES.slice(0, -1)) {
    try {
      return await fetchSound(`samples/${id}.${suffix}`);
    } catch (error) {
      if (error instanceof DownloadError) throw error; // else it cannot be decoded: the other format may be
    }
  }
  return fetchSound(`samples/${id}.${SUFFIXES.at(-1)}`);
}

/** Fill in the chips and, for the one chosen, its credits. */
export async function offerSamples() {
  /** @type {{sources: Record<string, Source>, samples: Sample[]}} */
  const { sources, samples } = await (await fetch('samples/samples.json')).json();
  const chips = samples.map(({ id, title }) => {
    const radio = Object.assign(document.createElement('input'), { type: 'radio', name: 'sample', value: id });
    radio.checked = id === FIRST;
    const label = document.createElement('label');
    const text = document.createElement('span');
    text.textContent = title;
    label.append(radio, text);
    return label;
  });
  const show = (/** @type {string} */ id) => {
    const sample = samples.find((each) => each.id === id) ?? samples[0];
    element('sample-about').textContent = `${sample.about}. Speech ${sample.snr_db} dB above the noise.`;
    element('sample-credits').replaceChildren('Mixed for this page from ', ...credits(sample, sources));
  };
  element('chips').replaceChildren(...chips);
  element('chips').addEventListener('change', (/** @type {Event} */ { target }) => show(/** @type {HTMLInputElement} */ (target).value));
  element('about-sample').hidden = false;
  show(FIRST);
}

/** @param {Sample} sample @param {Record<string, Source>} sources @returns {(Node | string)[]} */
function credits({ speech, noise, room }, sources) {
  const names = [...speech.map(([name]) => name), ...noise.flatMap((part) => [part.source, part.room?.[0]]), room?.[0]];
  const used = [...new Set(names.filter((name) => name !== undefined))].map((name) => sources[name]);
  return used.flatMap(({ title, author, licence, url }, i) => {
    const link = Object.assign(document.createElement('a'), { href: url, textContent: title });
    return [i ? '; ' : '', link, ` by ${author} (${licence})`, i === used.length - 1 ? '.' : ''];
  });
}
