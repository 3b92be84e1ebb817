import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Backlog } from '../backlog.js';

/** A microphone that has delivered, and a graph that has rendered, given numbers of seconds, each in bursts. */
function setUp({ before = 0, empty = false } = {}) {
  const track = { stats: { deliveredFramesDuration: 1000 * before } };
  const context = { currentTime: 0 };
  const backlog = new Backlog(/** @type {any} */ (track), /** @type {any} */ (context), empty);
  let time = 0;
  /** @param {number} queue seconds that wait, and a constant @param {number[]} bursts */
  const read = (queue, bursts = [0, 0.01, 0, -0.008, 0.02]) =>
    bursts.map((burst) => {
      time += 0.5;
      context.currentTime = time;
      track.stats.deliveredFramesDuration = 1000 * (time + queue + burst);
      return backlog.read();
    });
  return { track, backlog, read };
}

test('a queue that stays is no growth, however jerkily sound arrives', () => {
  const { read } = setUp();
  assert.ok([...read(0.4), ...read(0.4), ...read(0.4)].every((growth) => growth < 0.011));
});

test('growth is seen once it lasts, and not for one late reading', () => {
  const { read } = setUp();
  read(0.4);
  assert.ok(read(0.4, [0, 0.09, 0, 0, 0.01]).every((growth) => growth < 0.011));
  assert.ok(Math.abs(/** @type {number} */ (read(0.48).at(-1)) - 0.08) < 0.011);
});

test('growth is measured from the shortest queue: a microphone that pauses empties it', () => {
  const { read } = setUp();
  read(0.4);
  read(0.1);
  assert.ok(Math.abs(/** @type {number} */ (read(0.15, [0, 0, 0, 0, 0]).at(-1)) - 0.05) < 1e-9);
});

test('in front of a new source nothing waits: what has piled up before the first readings is seen too', () => {
  const { read } = setUp({ before: 0.4, empty: true });
  assert.ok(Math.abs(/** @type {number} */ (read(0.49).at(-1)) - 0.09) < 0.011);
});

test('nothing is seen in a browser that does not count what the microphone delivers', () => {
  const { track, backlog } = setUp();
  track.stats = /** @type {any} */ (undefined);
  for (let i = 0; i < 10; i++) assert.equal(backlog.read(), 0);
});
