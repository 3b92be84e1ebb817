/** Ticks of the clip's pictures: frequency at the left, seconds below. */
import { hertz, mark } from '../axes.js';
import { BAND_TIPS_HZ } from '../worklet/constants.js';

/** Frequencies named beside a picture of one row a band. */
const NAMED = [500, 1000, 2000, 5000, 10_000];

/** Where they are: the share of the bands below, to the middle of the band. @type {{at: number, text: string}[]} */
export const BAND_TICKS = NAMED.map((hz) => {
  const band = BAND_TIPS_HZ.findIndex((tip) => tip >= hz);
  const below = band && BAND_TIPS_HZ[band - 1];
  return { at: (band - 0.5 + (hz - below) / (BAND_TIPS_HZ[band] - below)) / BAND_TIPS_HZ.length, text: hertz(hz) };
});

/** @param {import('./lab.js').Result} result whose pictures are on the page */
export function showAxes({ stages, rate, top_hz: top }) {
  const seconds = stages.clean.samples.length / rate;
  const frequencies = [1000, 2000, 3000, 4000].map((hz) => ({ at: hz / top, text: hertz(hz) }));
  for (const screen of document.querySelectorAll('.screen[data-time]')) {
    for (const old of screen.querySelectorAll('.tick, .time')) old.remove();
    const map = screen.querySelector('[data-map]');
    for (const { at, text } of map ? BAND_TICKS : frequencies) screen.append(mark('tick', text, 'bottom', at));
    // On a phone the last second is too narrow for a name.
    for (let second = 2; second < seconds - 1; second += 2) {
      screen.append(mark('time', `${second} s`, 'left', second / seconds));
    }
  }
}
