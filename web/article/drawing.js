/** Pictures of a clip: spectrograms, band values over time, band values at one moment, the comb's response. */
import { SHARE, SOUND } from '../palette.js';
import { BAND_TICKS } from './axes.js';

/**
 * A picture with one pixel per frame, time to the right.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {number} frames
 * @param {number} rows
 * @param {(frame: number, row: number) => number} level 0 to 255; row 0 is the lowest
 * @param {Uint32Array} palette
 */
function paint(canvas, frames, rows, level, palette) {
  canvas.width = frames;
  canvas.height = rows;
  const drawing = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  const image = drawing.createImageData(frames, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let row = 0; row < rows; row++) {
    for (let frame = 0; frame < frames; frame++) {
      pixels[(rows - 1 - row) * frames + frame] = palette[level(frame, row)];
    }
  }
  drawing.putImageData(image, 0, 0);
}

/** @param {HTMLCanvasElement} canvas @param {Uint8Array} shades (frames, rows) @param {number} frames @param {number} rows */
export function paintSpectrogram(canvas, shades, frames, rows) {
  paint(canvas, frames, rows, (frame, row) => shades[frame * rows + row], SOUND);
}

/** @param {HTMLCanvasElement} canvas @param {Float32Array} values (frames, bands), 0 to 1 @param {number} frames @param {number} bands */
export function paintMap(canvas, values, frames, bands) {
  const level = (/** @type {number} */ frame, /** @type {number} */ row) =>
    Math.round(255 * Math.min(Math.max(values[frame * bands + row], 0), 1));
  paint(canvas, frames, bands, level, SHARE);
}

/** Give a canvas the resolution of the screen; coordinates are CSS pixels. @param {HTMLCanvasElement} canvas */
function prepare(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = globalThis.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const drawing = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  drawing.setTransform(ratio, 0, 0, ratio, 0, 0);
  drawing.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  return { drawing, width, height, colour, font: `12px ${style.fontFamily}` };
}

/** Pixels below a plot for the names of its frequencies. */
const LEGEND = 20;

/**
 * Bars of the bands at one moment: one behind, one in front.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {{back?: Float32Array, front?: Float32Array}} values each the bands of a frame
 */
export function paintBars(canvas, { back, front }) {
  const { drawing, width, height, colour, font } = prepare(canvas);
  const count = back?.length ?? front?.length ?? 0;
  const bottom = height - LEGEND;
  const full = bottom / 1.15;
  const draw = (/** @type {Float32Array} */ values, /** @type {string} */ fill, /** @type {number} */ share) => {
    drawing.fillStyle = fill;
    values.forEach((value, band) => {
      const tall = Math.min(value, 1.15) * full;
      const room = width / count;
      drawing.fillRect((band + (1 - share) / 2) * room, bottom - tall, room * share, tall);
    });
  };
  drawing.fillStyle = colour('--line');
  drawing.fillRect(0, bottom - full, width, 1);
  if (back) draw(back, colour('--strong-line'), 0.86);
  if (front) draw(front, colour('--after'), 0.44);
  drawing.fillStyle = colour('--strong-line');
  drawing.fillRect(0, bottom, width, 1);
  drawing.font = font;
  drawing.fillStyle = colour('--quiet');
  drawing.textAlign = 'center';
  for (const { at, text } of BAND_TICKS) drawing.fillText(text, at * width, height - 5);
  drawing.textAlign = 'left';
  drawing.fillText('1', 0, bottom - full - 3);
}

const COMB_FLOOR = -40; // dB
const HARMONICS = 6;

/** @param {number} level */
const decibels = (level) => `${level} dB`.replace('-', '−');

/**
 * Frequency response of a comb, from 0 to six times the pitch.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {{taps: Float32Array, period: number, rate: number, voiced: boolean}} comb oldest tap first
 */
export function paintComb(canvas, { taps, period, rate, voiced }) {
  const { drawing, width, height, colour, font } = prepare(canvas);
  const pitch = rate / period;
  drawing.font = font;
  // The names of the levels have a margin of their own: wherever they lay within the plot, the curve would cross them.
  const left = Math.ceil(drawing.measureText(decibels(COMB_FLOOR)).width) + 8;
  const across = width - left;
  const top = LEGEND / 2;
  const tall = height - LEGEND - 2 * top;
  const roomy = across / HARMONICS > drawing.measureText('1000 Hz').width + 8;
  drawing.textAlign = 'center';
  for (let harmonic = 1; harmonic < HARMONICS; harmonic++) {
    const x = left + (harmonic / HARMONICS) * across;
    drawing.fillStyle = colour('--line');
    drawing.fillRect(x, 0, 1, height - LEGEND);
    drawing.fillStyle = colour('--quiet');
    if (roomy || harmonic % 2) drawing.fillText(`${Math.round(harmonic * pitch)} Hz`, x, height - 5);
  }
  drawing.textAlign = 'right';
  drawing.textBaseline = 'middle';
  for (let level = 0; level >= COMB_FLOOR; level -= 20) {
    const y = top + (tall * level) / COMB_FLOOR;
    drawing.fillStyle = colour('--line');
    drawing.fillRect(left, y, across, 1);
    drawing.fillStyle = colour('--quiet');
    drawing.fillText(decibels(level), left - 8, y);
  }
  drawing.textBaseline = 'alphabetic';
  drawing.beginPath();
  for (let x = 0; x <= across; x++) {
    const turns = (x / across) * HARMONICS; // frequency times period
    let real = 0;
    let imaginary = 0;
    // Which tap is the present one affects only the phase.
    taps.forEach((weight, k) => {
      real += weight * Math.cos(2 * Math.PI * turns * k);
      imaginary += weight * Math.sin(2 * Math.PI * turns * k);
    });
    const level = 20 * Math.log10(Math.hypot(real, imaginary) + 1e-9);
    drawing.lineTo(left + x, top + tall * Math.min(Math.max(level / COMB_FLOOR, 0), 1));
  }
  drawing.lineWidth = 2;
  drawing.strokeStyle = colour(voiced ? '--after' : '--strong-line');
  drawing.stroke();
}
