/** Channels to the shared worker, and the state of an instance, with a fake worker that records what it is sent. */
import assert from 'node:assert/strict';
import { beforeEach, describe, mock, test } from 'node:test';
import { BOOT_TIMEOUT, LINGER, openChannel } from '../worker-client.js';
import { PercepNetError } from '../errors.js';
import { serveRuntime } from './images.js';
import { freshAssets, sessions, settled, useFakeWorkers, workers } from './fake-worker.js';

/** @param {number} seconds that pass one by one, as for a page that is awake */
function pass(seconds) {
  for (let second = 0; second < seconds; second++) mock.timers.tick(1000);
}

const TIMEOUT = BOOT_TIMEOUT / 1000;

beforeEach(useFakeWorkers);

describe('the worker', () => {
  test('is one for all, and ends some time after the last of them', async () => {
    const [a, b] = sessions(2);
    a.session.boot();
    b.session.boot();
    assert.equal(workers.length, 1);
    await workers[0].open();
    assert.deepEqual([a.session.state, b.session.state], ['ready', 'ready']);
    a.session.end();
    mock.timers.tick(10 * LINGER);
    assert.ok(workers[0].alive, 'there is one left');
    b.session.end();
    assert.ok(workers[0].alive);
    mock.timers.tick(LINGER);
    assert.ok(!workers[0].alive);
  });

  test('without Python is sent the files that it needs, or the news that they could not be fetched', async () => {
    for (const complete of [true, false]) {
      const assets = freshAssets();
      const files = serveRuntime(assets, new Uint8Array([3]));
      if (!complete) delete files[`${assets}kernel/simd.wasm`];
      /** @type {any[]} */
      const heard = [];
      openChannel('worker', assets, (message) => heard.push(message));
      const { messages } = /** @type {import('./fake-worker.js').FakeWorker} */ (workers.at(-1));
      while (!messages.some(({ type }) => type === 'program')) await settled();
      const { files: sent } = messages.at(-1);
      assert.deepEqual(sent && { image: [...sent.image], tier: sent.tier }, complete ? { image: [3], tier: 'c20' } : undefined);
      assert.ok(heard.length > 0 && heard.every(({ type, bytes }) => type === 'progress' && bytes > 0));
    }
  });

  test('is used again by one that comes soon, not by one that comes late', () => {
    const [a, b, c] = sessions(3);
    a.session.boot();
    a.session.end();
    mock.timers.tick(LINGER - 1);
    b.session.boot();
    mock.timers.tick(10 * LINGER);
    assert.ok(workers[0].alive);
    b.session.end();
    mock.timers.tick(LINGER);
    c.session.boot();
    assert.equal(workers.length, 2);
  });

  test('that dies is reported to every instance once; restarted, they share the next one', async () => {
    const [a, b] = sessions(2);
    for (const { session } of [a, b]) session.boot();
    await workers[0].open();
    workers[0].onerror({ preventDefault() {}, message: 'out of memory' });
    await settled();
    for (const { session, codes } of [a, b]) {
      assert.deepEqual(codes(), ['ready ', 'fallback enhancer']);
      assert.match(String(session.reason), /out of memory/);
      session.restart();
    }
    assert.equal(workers.length, 2);
    await workers[1].open();
    assert.deepEqual([a.session.state, b.session.state], ['ready', 'ready']);
  });

  test('that does not boot is reported as such', async () => {
    const [a] = sessions(1);
    a.session.boot();
    workers[0].say({ type: 'failed', code: 'boot', message: 'no file' });
    await settled();
    assert.deepEqual(a.codes(), ['fallback boot']);
    assert.ok(!workers[0].alive);
  });

  test('in which a stream failed accepts no new streams, and keeps the others', async () => {
    const [a, b] = sessions(2);
    for (const { session } of [a, b]) session.boot();
    await workers[0].open();
    workers[0].say({ type: 'error', id: 1, code: 'enhancer', message: 'injected' });
    assert.deepEqual(a.codes(), ['ready ', 'fallback enhancer']);
    assert.deepEqual(b.codes(), ['ready ']);
    assert.ok(workers[0].alive);
    a.session.restart();
    assert.equal(workers.length, 2);
    b.session.end();
    assert.ok(!workers[0].alive, 'a worker that nothing uses is ended');
  });
});

describe('a worker that makes no progress while starting', () => {
  test('and sends nothing is given up with a reason, and replaced by the next one', async () => {
    const [a, b] = sessions(2);
    for (const { session } of [a, b]) session.boot();
    pass(TIMEOUT - 1);
    assert.deepEqual([a.session.state, workers[0].alive], ['loading', true]);
    pass(1);
    await settled();
    for (const { session, codes } of [a, b]) {
      assert.deepEqual(codes(), ['fallback boot']);
      assert.match(String(session.reason), /no progress for 60 s: the worker sent no message/);
      assert.match(String(session.reason), /restart\(\)/);
    }
    assert.ok(!workers[0].alive);
    a.session.restart();
    await workers[1].open();
    assert.equal(a.session.state, 'ready');
    pass(2 * TIMEOUT);
    assert.equal(a.session.state, 'ready', 'it is not watched for longer than its start');
  });

  test('is given up with how far it got, even if it keeps repeating that', async () => {
    const [a] = sessions(1);
    a.session.boot();
    for (let second = 0; second < TIMEOUT; second++) {
      workers[0].say({ type: 'progress', stage: 'packages', bytes: 5_200_000 });
      pass(1);
    }
    pass(1);
    await settled();
    assert.match(String(a.session.reason), /at stage packages, after 5\.2 MB/);
  });

  test('but a slow network is not cut off: every byte counts', async () => {
    const [a] = sessions(1);
    a.session.boot();
    for (let piece = 1; piece <= 20; piece++) {
      pass(TIMEOUT - 1);
      workers[0].say({ type: 'progress', stage: 'runtime', bytes: piece });
    }
    for (const stage of ['packages', 'model', 'warm-up']) {
      pass(TIMEOUT - 1);
      workers[0].say({ type: 'progress', stage, bytes: 20 });
    }
    for (let piece = 1; piece <= 3; piece++) {
      pass(TIMEOUT - 1);
      workers[0].say({ type: 'alive' });
    }
    assert.equal(a.session.state, 'loading');
    await workers[0].open();
    assert.deepEqual([a.session.state, a.codes().filter((code) => code.startsWith('fallback'))], ['ready', []]);
  });

  test('because the page was frozen with it has time again', () => {
    const [a] = sessions(1);
    a.session.boot();
    mock.timers.tick(10 * BOOT_TIMEOUT); // the timers of a page that wakes: each comes once
    assert.equal(a.session.state, 'loading');
  });
});

describe('an instance', () => {
  test('has one channel, however often it is started', () => {
    const [a] = sessions(1);
    a.session.restart();
    a.session.boot();
    assert.equal(workers[0].messages.filter(({ type }) => type === 'open').length, 1);
    a.session.end();
    a.session.boot();
    assert.equal(workers.length, 1);
  });

  test('can be observed before it is started: the worker hears of the stream first', () => {
    const [a] = sessions(1);
    /** @type {any[]} */
    const seen = [];
    const stop = a.session.observe((frame) => seen.push(frame));
    a.session.boot();
    assert.deepEqual(workers[0].messages.map(({ type }) => type), ['boot', 'open', 'observe']);
    workers[0].say({ type: 'frame', id: 1, period: 100 });
    stop();
    workers[0].say({ type: 'frame', id: 1, period: 200 });
    assert.deepEqual(seen, [{ period: 100 }]);
    assert.deepEqual(workers[0].messages.at(-1), { type: 'observe', id: 1, wanted: false });
  });

  test('whose worker stalls falls back after 2 s and comes back by itself', async () => {
    const [a] = sessions(1);
    a.session.boot();
    await workers[0].open();
    a.session.onPlaying('starved');
    mock.timers.tick(1999);
    assert.equal(a.session.state, 'ready');
    mock.timers.tick(1);
    assert.deepEqual(a.codes(), ['ready ', 'overload wait', 'fallback stalled']);
    a.session.onPlaying('enhanced');
    assert.equal(a.session.state, 'ready');
  });

  test('whose stream is never heard of after its connection falls back, and comes back by itself', async () => {
    const [a, b] = sessions(2);
    for (const { session } of [a, b]) session.boot();
    await workers[0].open();
    for (const { session } of [a, b]) session.connect({ depth: 1920 });
    workers[0].say({ type: 'stats', id: 2, errors: 0 });
    mock.timers.tick(10_000);
    assert.deepEqual(a.codes(), ['ready ', 'fallback stalled']);
    assert.equal(b.session.state, 'ready');
    a.session.onPlaying('enhanced');
    assert.equal(a.session.state, 'ready');
  });

  test('that was muted while its worker died falls back, unless its context is suspended as well', async () => {
    const [a] = sessions(1);
    a.session.boot();
    await workers[0].open();
    for (const state of ['waiting', 'enhanced', 'resting']) a.session.onPlaying(state);
    mock.timers.tick(100_000);
    assert.deepEqual(a.codes(), ['ready '], 'there is nothing to enhance');
    a.running.mock.mockImplementation(() => false);
    a.session.onPlaying('waiting');
    pass(100);
    assert.deepEqual(a.codes(), ['ready '], 'nothing is played');
    a.running.mock.mockImplementation(() => true);
    pass(10);
    assert.deepEqual(a.codes(), ['ready ', 'fallback stalled']);
  });

  test('whose stall was overlaid by another cause falls back when that has gone', async () => {
    const [a] = sessions(1);
    a.session.boot();
    await workers[0].open();
    a.session.onPlaying('starved');
    a.session.fallback(new PercepNetError('suspended'));
    pass(100);
    a.session.recover('suspended');
    assert.equal(a.session.state, 'ready');
    pass(10);
    assert.equal(a.session.reason?.code, 'stalled');
  });

  test('on a machine that is too slow is bypassed and tried again, after twice the time if that failed', async () => {
    const [a] = sessions(1);
    a.session.boot();
    await workers[0].open();
    for (const pause of [15_000, 30_000]) {
      workers[0].say({ type: 'overload', id: 1, action: 'bypass', tier: 'c10' });
      assert.deepEqual([a.session.reason?.code, a.session.wanted], ['overload', false]);
      mock.timers.tick(pause - 1);
      assert.equal(a.session.state, 'fallback');
      mock.timers.tick(1);
      assert.deepEqual([a.session.state, a.session.wanted], ['ready', true]);
    }
  });

  test('knows the tier that runs after a step down', async () => {
    const [a] = sessions(1);
    a.session.boot();
    await workers[0].open();
    workers[0].say({ type: 'overload', id: 1, action: 'step-down', from: 'c20', tier: 'c10', info: { tier: 'c10' } });
    assert.equal(a.session.info?.tier, 'c10');
    assert.deepEqual(a.events.at(-1), ['overload', { action: 'step-down', from: 'c20', tier: 'c10' }]);
    assert.equal(a.session.state, 'ready');
  });

  test('keeps a permanent reason when its context is suspended as well', async () => {
    const [a] = sessions(1);
    a.session.boot();
    await workers[0].open();
    a.session.fallback(new PercepNetError('worklet'));
    a.session.fallback(new PercepNetError('suspended'));
    a.session.recover('suspended');
    assert.equal(a.session.reason?.code, 'worklet');
  });

  test('whose new model is refused keeps the one it has', async () => {
    const [a] = sessions(1);
    a.session.boot();
    await workers[0].open();
    const refused = a.session.setModel('c99');
    const { id, token } = workers[0].messages.at(-1);
    workers[0].say({ type: 'answer', id, token, code: 'model', message: 'there is no tier c99' });
    await assert.rejects(refused, { name: 'PercepNetError', code: 'model' });
    assert.deepEqual([a.session.state, a.session.info?.tier], ['ready', 'c20']);
  });

  test('that ends leaves no request unanswered', async () => {
    const [a] = sessions(1);
    a.session.boot();
    await workers[0].open();
    const waiting = a.session.setModel('c10');
    a.session.end();
    await assert.rejects(waiting, /closed/);
  });
});
