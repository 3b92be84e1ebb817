/** Labels and grid lines of the pictures, as elements: sharp at any size, and visible before there is any sound. */
import { LAG_MAX, LAG_MIN, SAMPLE_RATE } from './worklet/constants.js';
import { heightOf } from './scale.js';
import { SPAN } from './sweep.js';

const PITCH_BOTTOM = SAMPLE_RATE / LAG_MAX;
const PITCH_TOP = SAMPLE_RATE / LAG_MIN;

/** Height of a pitch in its picture, 0 to 1: every octave is equally high. @param {number} hz */
export function pitchHeight(hz) {
  return Math.log(hz / PITCH_BOTTOM) / Math.log(PITCH_TOP / PITCH_BOTTOM);
}

/** @type {Record<string, {at: number, text: string}[]>} */
const AXES = {
  frequency: [100, 500, 1000, 2000, 5000, 10000].map((hz) => ({ at: heightOf(hz), text: hertz(hz) })),
  pitch: [100, 200, 400].map((hz) => ({ at: pitchHeight(hz), text: hertz(hz) })),
  share: [0.5].map((at) => ({ at, text: String(at) })),
};

/** @param {number} hz */
export function hertz(hz) {
  return hz < 1000 ? `${hz} Hz` : `${hz / 1000} kHz`;
}

/** Add the axes that an element's data-axis asks for. @param {HTMLElement} screen */
export function drawAxes(screen) {
  for (const { at, text } of AXES[screen.dataset.axis ?? ''] ?? []) screen.append(mark('tick', text, 'bottom', at));
  for (let second = 2; second < SPAN; second += 2) screen.append(mark('time', `${second} s`, 'left', second / SPAN));
}

/** @param {'tick' | 'time'} kind @param {string} text @param {'bottom' | 'left'} side @param {number} at share of the picture */
export function mark(kind, text, side, at) {
  const element = document.createElement('span');
  const label = document.createElement('span');
  label.textContent = text;
  element.className = kind;
  element.append(label);
  element.style[side] = `${100 * at}%`;
  element.setAttribute('aria-hidden', 'true'); // the canvas's label describes the axes
  return element;
}
