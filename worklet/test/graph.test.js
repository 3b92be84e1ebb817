/** When the graph takes a new source for the same microphone, with a fake browser. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { sources } from './fake-graph.js';

const { TrackGraph } = await import('../graph.js');

/** @type {any} */
let track;
/** @type {TrackGraph} */
let graph;

beforeEach(async () => {
  sources.length = 0;
  track = { stats: { deliveredFramesDuration: 0 } };
  graph = await TrackGraph.open(track, () => {});
});

/** Time passes in the graph, in which the microphone delivers `more` milliseconds above that. */
function pass(/** @type {number} */ more, /** @type {boolean} */ pause) {
  for (let i = 0; i < 5; i++) {
    /** @type {any} */ (graph.context).currentTime += 0.5;
    track.stats.deliveredFramesDuration = 1000 * graph.context.currentTime + more;
    graph.catchUp(pause);
  }
}

test('what has piled up is skipped, once, while nobody speaks', () => {
  pass(5, true);
  pass(100, false);
  assert.equal(sources.length, 1, 'in the middle of a word');
  pass(100, true);
  assert.equal(sources.length, 2);
  pass(100, true);
  pass(100, true);
  assert.equal(sources.length, 2, 'although nothing more has piled up');
});

test('what piles up again at once is skipped again, but not endlessly', () => {
  // Each new queue fills at once. A source that is not replaced keeps what it has.
  for (const more of [5, 100, 200, 300, 400, 400, 400]) pass(more, true);
  assert.equal(sources.length, 4);
});

test('a queue that has stayed short for a while may be skipped as often again', () => {
  pass(5, true);
  for (let again = 1; again <= 6; again++) {
    pass(100 * again, true);
    pass(100 * again + 10, true);
    assert.equal(sources.length, 1 + again);
  }
});

test('what may be no more than a block and a callback is no reason, anything above is', () => {
  pass(5, true);
  pass(18, true);
  assert.equal(sources.length, 1);
  pass(28, true);
  assert.equal(sources.length, 2);
});

test('a microphone that is faded out stays so', async () => {
  pass(5, true);
  await graph.fadeOut();
  pass(100, true);
  assert.equal(sources.length, 1);
  graph.replaceInput(track);
  pass(100, true);
  pass(200, true);
  assert.equal(sources.length, 3);
});
