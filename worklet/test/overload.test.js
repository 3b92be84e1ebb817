/** When frames come late: what is a hiccup and what is too much. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Overload } from '../overload.js';

/** Quanta in the half second between two looks. */
const HALF = 187;

/**
 * Report shares of late quanta, one after the other, starting at given values of the counters.
 *
 * @param {number[]} shares @param {number} [start]
 * @returns {number} looks until something has to be done; 0 if nothing has
 */
function looks(shares, start = 0) {
  const overload = new Overload();
  let quanta = start;
  let underruns = start;
  overload.look(quanta, underruns);
  for (const [i, share] of shares.entries()) {
    quanta = (quanta + HALF) | 0;
    underruns = (underruns + Math.round(share * HALF)) | 0;
    if (overload.look(quanta, underruns)) return i + 1;
  }
  return 0;
}

/** @param {number} count @param {number} share */
const times = (count, share) => Array.from({ length: count }, () => share);

test('frames in time need nothing', () => {
  assert.equal(looks(times(100, 0)), 0);
  assert.equal(looks(times(100, 0.05)), 0);
});

test('a hiccup needs nothing', () => {
  assert.equal(looks([...times(20, 0), 1, 0.3, ...times(20, 0)]), 0);
});

test('a page frozen for a minute needs nothing', () => {
  const overload = new Overload();
  let due = 0;
  const look = (/** @type {number} */ more, /** @type {number} */ late) => overload.look((due += more), late);
  for (let i = 0; i < 8; i++) assert.equal(look(HALF, 0), false);
  for (let i = 0; i < 8; i++) assert.equal(look(i === 0 ? 120 * HALF : HALF, 119 * HALF), false);
});

test('one frame in five late is too much after 4 s', () => {
  assert.equal(looks(times(100, 0.2)), 8);
});

test('every frame late is too much after 1 s', () => {
  assert.equal(looks(times(100, 1)), 2);
  assert.equal(looks([...times(20, 0), ...times(20, 1)]), 22);
});

test('the counters may wrap', () => {
  assert.equal(looks(times(100, 0.2), (2 ** 31 - 3 * HALF) | 0), 8);
});

test('while nothing is played nothing is judged', () => {
  const overload = new Overload();
  for (let i = 0; i < 100; i++) assert.equal(overload.look(1000, 1000), false, `look ${i}`);
});

test('after a change it is judged again, but not at once', () => {
  const overload = new Overload();
  let quanta = 0;
  const late = () => {
    const tooMuch = overload.look((quanta += HALF), quanta);
    if (tooMuch) overload.restart();
    return tooMuch;
  };
  assert.deepEqual([late(), late(), late()], [false, false, true]);
  assert.deepEqual([late(), late(), late(), late()], [false, false, false, true]);
});
