/** Colours for levels, as pixels of ImageData. Lightness rises steadily, so they also work in greyscale. */

const LEVELS = 256;

/** Sound: black, green, sand, white. */
export const SOUND = ramp([
  [7, 18, 16],
  [12, 92, 86],
  [226, 186, 104],
  [255, 255, 255],
]);

/** What the network decides, 0 to 1: black, green, pale. */
export const SHARE = ramp([
  [7, 18, 16],
  [16, 116, 108],
  [110, 208, 195],
  [240, 255, 250],
]);

/** @param {number[][]} stops RGB, evenly spaced @returns {Uint32Array} LEVELS colours, ABGR as ImageData's bytes lie */
function ramp(stops) {
  return Uint32Array.from({ length: LEVELS }, (_, level) => {
    const place = (level / (LEVELS - 1)) * (stops.length - 1);
    const below = Math.min(Math.floor(place), stops.length - 2);
    const channel = (/** @type {number} */ i) =>
      Math.round(stops[below][i] + (place - below) * (stops[below + 1][i] - stops[below][i]));
    return colour(channel(0), channel(1), channel(2));
  });
}

/** @param {number} red @param {number} green @param {number} blue @returns {number} opaque */
export function colour(red, green, blue) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
