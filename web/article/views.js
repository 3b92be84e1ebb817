/** What the page shows of the results: pictures, scores, and the values of one moment. */
import { element, write } from '../dom.js';
import { showAxes } from './axes.js';
import { paintBars, paintComb, paintMap, paintSpectrogram } from './drawing.js';

/** @typedef {import('./lab.js').Result} Result */

/** The sounds, in the article's order, by workshop.py's names. */
export const STAGES = ['noisy', '1-magnitudes', '2-gains', '3-comb', '4-postfilter', 'network', 'clean'];

/** Spectrograms and maps, with their axes. @param {Result} result */
export function showPictures(result) {
  showAxes(result);
  for (const canvas of /** @type {NodeListOf<HTMLCanvasElement>} */ (document.querySelectorAll('canvas[data-picture]'))) {
    const stage = result.stages[canvas.dataset.picture ?? ''];
    paintSpectrogram(canvas, stage.picture, result.frames, result.rows);
  }
  for (const canvas of /** @type {NodeListOf<HTMLCanvasElement>} */ (document.querySelectorAll('canvas[data-map]'))) {
    paintMap(canvas, result.maps[canvas.dataset.map ?? ''], result.frames, result.bands);
  }
}

/** @param {number | null | undefined} value @param {number} digits @param {boolean} [sign] */
export function figure(value, digits, sign = false) {
  if (value === undefined || value === null) return '–';
  return `${sign && value >= 0 ? '+' : ''}${value.toFixed(digits)}`.replace('-', '−');
}

/**
 * The table, and at each step a line: the scores of what is heard, and whether the visitor's version changes the step.
 *
 * @param {Result} original
 * @param {Result | undefined} yours
 * @param {'original' | 'yours'} version heard
 */
export function showScores(original, yours, version) {
  const { stages } = (version === 'yours' && yours) || original;
  element('scores').classList.toggle('compared', Boolean(yours));
  STAGES.forEach((name, k) => {
    const stage = original.stages[name];
    const own = yours?.stages[name];
    const cells = [stage.si_sdr, own?.si_sdr, stage.stoi, own?.stoi];
    const row = document.querySelector(`#scores tr[data-row='${name}']`);
    row?.querySelectorAll('td').forEach((cell, i) => {
      cell.textContent = figure(cells[i], i < 2 ? 1 : 3);
      cell.classList.toggle('changed', i % 2 === 1 && own !== undefined && figure(cells[i], 3) !== figure(cells[i - 1], 3));
    });
    const changed = own !== undefined && own.samples.some((sample, i) => sample !== stage.samples[i]);
    document.querySelector(`.stages [value='${name}'] + span`)?.classList.toggle('changed', changed);
    const line = document.querySelector(`[data-scores='${name}']`);
    if (!line) return;
    const before = k > 0 ? stages[STAGES[k - 1]] : undefined;
    const step = (/** @type {'si_sdr' | 'stoi'} */ score, /** @type {number} */ digits) => {
      const [now, then] = [stages[name][score], before?.[score]];
      const change = now != null && then != null ? ` (${figure(now - then, digits, true)})` : '';
      return `${figure(now, digits)}${change}`;
    };
    const whose = !yours ? '' : stages === yours.stages ? 'Yours: ' : 'Original: ';
    const mark = Object.assign(document.createElement('span'), { className: 'mark', textContent: 'changed' });
    line.replaceChildren(...(changed ? [mark] : []), `${whose}SI-SDR ${step('si_sdr', 1)} dB, STOI ${step('stoi', 3)}`);
  });
}

/**
 * Show the values of one moment: playheads, bars, the comb.
 *
 * @param {Result} result
 * @param {number} moment seconds
 * @param {boolean} hurried draw only what is visible
 */
export function showMoment(result, moment, hurried) {
  const duration = result.stages.clean.samples.length / result.rate;
  for (const head of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('.playhead'))) {
    head.style.left = `${(100 * moment) / duration}%`;
  }
  const frame = Math.min(Math.round((moment * result.rate) / result.hop), result.frames - 1);
  const bands = (/** @type {string | undefined} */ name) =>
    name ? result.maps[name].subarray(frame * result.bands, (frame + 1) * result.bands) : undefined;
  for (const canvas of /** @type {NodeListOf<HTMLCanvasElement>} */ (document.querySelectorAll('canvas[data-front]'))) {
    if (!hurried || visible(canvas)) paintBars(canvas, { back: bands(canvas.dataset.back), front: bands(canvas.dataset.front) });
  }
  if (!hurried || visible(element('comb'))) showComb(result, frame);
}

/**
 * The time of the voiced frame with the largest gains: a clip begins with silence, in which the plots would be empty.
 *
 * @param {Result} result
 * @returns {number} seconds
 */
export function exampleMoment(result) {
  const total = (/** @type {number} */ frame) => {
    if (result.correlation[frame] < result.voiced) return 0;
    return result.maps.plain_gains.subarray(frame * result.bands, (frame + 1) * result.bands).reduce((sum, gain) => sum + gain, 0);
  };
  let best = 0;
  for (let frame = 1; frame < result.frames; frame++) if (total(frame) > total(best)) best = frame;
  return (best * result.hop) / result.rate;
}

/** @param {Result} result @param {number} frame */
function showComb(result, frame) {
  const canvas = element('comb');
  const [period, future, correlation] = [result.period[frame], result.future[frame], result.correlation[frame]];
  const voiced = correlation >= result.voiced;
  const taps = result.taps[Math.min(future, result.taps.length - 1)];
  paintComb(canvas, { taps, period, rate: result.rate, voiced });
  const pitch = `${Math.round(result.rate / period)} Hz, a period of ${period} samples`;
  const past = taps.length - 1 - future;
  const now = voiced
    ? `Pitch ${pitch}; ${past} copies from the past, ${future} from the future`
    : 'No voiced sound here: the strengths are low, and the comb does nothing';
  write('pitch', now);
}

/** @param {Element} target */
function visible(target) {
  const { top, bottom } = target.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}
