/** The frequency axis of the pictures: the ERB-rate scale (Glasberg and Moore 1990), from 0 Hz to the last band's tip. */
import { BAND_TIPS_HZ } from './worklet/constants.js';

export const TOP_HZ = BAND_TIPS_HZ[BAND_TIPS_HZ.length - 1];

const PER_HZ = 4.37 / 1000;

/** @param {number} hz @returns {number} height, 0 at 0 Hz and 1 at TOP_HZ */
export function heightOf(hz) {
  return Math.log(1 + PER_HZ * hz) / Math.log(1 + PER_HZ * TOP_HZ);
}

/** @param {number} height 0 to 1 @returns {number} Hz */
export function hzAt(height) {
  return ((1 + PER_HZ * TOP_HZ) ** height - 1) / PER_HZ;
}

/**
 * For each row of a picture, from the top, the bins of a spectrum that it shows.
 *
 * @param {number} rows
 * @param {number} binHz
 * @returns {{first: Uint16Array, last: Uint16Array}} both inclusive; at low frequencies several rows show the same bin
 */
export function binsOfRows(rows, binHz) {
  const first = new Uint16Array(rows);
  const last = new Uint16Array(rows);
  for (let row = 0; row < rows; row++) {
    first[row] = Math.round(hzAt(1 - (row + 1) / rows) / binHz);
    last[row] = Math.max(first[row], Math.round(hzAt(1 - row / rows) / binHz) - 1);
  }
  return { first, last };
}

/** For each row of a picture, from the top, the band whose tip is nearest on the scale. @param {number} rows @returns {Uint8Array} */
export function bandsOfRows(rows) {
  const tips = BAND_TIPS_HZ.map(heightOf);
  return Uint8Array.from({ length: rows }, (_, row) => {
    const height = 1 - (row + 0.5) / rows;
    let nearest = 0;
    for (let band = 1; band < tips.length; band++) {
      if (Math.abs(tips[band] - height) < Math.abs(tips[nearest] - height)) nearest = band;
    }
    return nearest;
  });
}
