/** A failed audio graph is remembered, and tried again in the background, with a fake browser. */
import assert from 'node:assert/strict';
import test, { beforeEach, mock } from 'node:test';

const browser = { works: false, made: 0, closed: 0 };

class Context extends EventTarget {
  state = 'running';
  currentTime = 0;

  constructor() {
    super();
    browser.made += 1;
    if (!browser.works) throw new Error('no sound card');
  }

  createMediaStreamDestination() {
    return new Node();
  }

  createMediaStreamSource() {
    return new Node();
  }

  async resume() {}

  async close() {
    browser.closed += 1;
  }
}

class Node {
  stream = { getAudioTracks: () => [{ stop() {} }] };
  connect() {}
  disconnect() {}
}

const page = { activation: /** @type {any} */ ({ hasBeenActive: false }) };
const navigator = { get userActivation() { return page.activation; } };
Object.assign(globalThis, { AudioContext: Context, MediaStream: class {}, GainNode: Node, MediaStreamAudioDestinationNode: Node });
Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });

const { GraphTrial, PAUSE } = await import('../graph-trial.js');

const settle = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  Object.assign(browser, { works: false, made: 0, closed: 0 });
  page.activation = { hasBeenActive: true };
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout'] });
});

test('after a failure it is not worthwhile until a trial in the background succeeds, and trials become rare', async () => {
  const trial = new GraphTrial();
  assert.equal(trial.worthwhile, true);
  trial.fail('context');
  trial.fail('context'); // by another microphone
  assert.equal(trial.worthwhile, false);
  mock.timers.tick(PAUSE.first);
  await settle();
  assert.deepEqual([browser.made, trial.worthwhile], [1, false]);
  mock.timers.tick(2 * PAUSE.first - 1);
  await settle();
  assert.equal(browser.made, 1);
  browser.works = true;
  mock.timers.tick(1);
  await settle();
  assert.deepEqual([browser.made, browser.closed, trial.worthwhile], [3, 2, true]);
  trial.fail('context');
  mock.timers.tick(PAUSE.first);
  await settle();
  assert.equal(trial.worthwhile, true, 'the pause is not the first one again');
});

test('where the browser waited for a gesture, the first gesture makes it worthwhile', () => {
  page.activation = { hasBeenActive: false };
  const trial = new GraphTrial();
  trial.fail('suspended');
  assert.equal(trial.worthwhile, false);
  page.activation = { hasBeenActive: true };
  assert.equal(trial.worthwhile, true);
  trial.fail('suspended');
  assert.equal(trial.worthwhile, false, 'each later call would wait as long again');
});

test('a microphone that was given a graph all the same ends the pause', () => {
  const trial = new GraphTrial();
  trial.fail(undefined);
  trial.succeed();
  assert.equal(trial.worthwhile, true);
});
