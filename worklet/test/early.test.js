/** While Python starts another worker enhances: with fake workers, which starts, which is heard, and what remains if one fails. */
import assert from 'node:assert/strict';
import { beforeEach, describe, mock, test } from 'node:test';
import { STATE } from '../blend.js';
import { HEAD_START } from '../early.js';
import { Session } from '../session.js';
import { LINGER } from '../worker-client.js';
import { freshAssets, sessions, settled, useFakeWorkers, workers } from './fake-worker.js';

beforeEach(useFakeWorkers);

describe('while Python starts', () => {
  const FILES = { relaxed: new Uint8Array(1), simd: new Uint8Array(2), image: new Uint8Array(3), tier: 'c20' };

  /** Play the early worker. @param {import('./fake-worker.js').FakeWorker} worker */
  async function open(worker) {
    for (const { type, id, token, provisional } of worker.messages.splice(0)) {
      if (type === 'files') worker.say({ type: 'answer', id, token, info: FILES });
      if (type !== 'open') continue;
      assert.ok(provisional, 'Python, which starts meanwhile, may make it late');
      worker.say({ type: 'answer', id, token, info: { tier: 'c20', kernel: 'early' } });
    }
    await settled();
    assert.ok(!workers.at(-1)?.messages.some(({ type }) => type === 'boot'), 'the processor is for the other one first');
    mock.timers.tick(HEAD_START);
    await settled();
  }

  /** An instance that is heard already, its early worker, and Python's. */
  async function heard() {
    const [a] = sessions(1, 'python');
    a.session.boot();
    const [early, python] = workers;
    assert.deepEqual(python.messages, [], 'the network is for the other one first');
    await open(early);
    assert.equal(a.connect.mock.callCount(), 1);
    a.session.early?.connect({ depth: 1920 });
    return { ...a, early, python };
  }

  test('another worker enhances, and gives it the files; it ends once Python is heard', async () => {
    const { session, early, python, codes, connect } = await heard();
    assert.deepEqual(early.messages.map(({ type }) => type), ['connect']);
    assert.deepEqual(python.messages.map(({ type }) => type), ['boot', 'open']);
    assert.deepEqual(python.messages[0].files, FILES);
    assert.deepEqual([session.state, session.info, session.early?.info?.kernel], ['loading', undefined, 'early']);
    await python.open();
    assert.deepEqual([session.state, session.info, connect.mock.callCount()], ['ready', { tier: 'c20' }, 2]);
    assert.ok(session.early, 'Python has not heard enough yet');
    session.onTookOver();
    mock.timers.tick(LINGER);
    assert.deepEqual([session.early, early.alive, python.alive], [undefined, false, true]);
    assert.deepEqual(codes(), ['ready ']);
  });

  test('Python waits for no longer than until the other one is heard', async () => {
    const [a] = sessions(1, 'python');
    a.session.boot();
    const [early, python] = workers;
    for (const { type, id, token } of early.messages) early.say({ type: 'answer', id, token, info: type === 'files' ? FILES : {} });
    await settled();
    assert.deepEqual(python.messages, []);
    a.session.onPlaying(STATE.ENHANCED);
    await settled();
    assert.deepEqual(python.messages.map(({ type }) => type), ['boot', 'open']);
  });

  test('settings reach both, and reports come from the one that is heard', async () => {
    const { session, early, python, events } = await heard();
    session.attenuationLimit = 12;
    session.observe((frame) => events.push(['frame', frame]));
    for (const { messages } of [early, python]) assert.deepEqual(messages.slice(-2).map(({ type }) => type), ['attenuationLimit', 'observe']);
    early.say({ type: 'stats', id: 1, frames: 5, errors: 0 });
    early.say({ type: 'frame', id: 1, period: 100 });
    assert.deepEqual(events, [['stats', { frames: 5, errors: 0 }], ['frame', { period: 100 }]]);
    await python.open();
    early.say({ type: 'stats', id: 1, frames: 6, errors: 0 });
    python.say({ type: 'stats', id: 1, frames: 1, errors: 0 });
    early.say({ type: 'stats', id: 1, frames: 7, errors: 0 });
    early.say({ type: 'frame', id: 1, period: 101 });
    python.say({ type: 'frame', id: 1, period: 102 });
    early.say({ type: 'frame', id: 1, period: 103 });
    assert.deepEqual(events.slice(3), [
      ['stats', { frames: 6, errors: 0 }], // Python has opened its stream and has nothing to report yet
      ['stats', { frames: 1, errors: 0 }],
      ['frame', { period: 101 }],
      ['frame', { period: 102 }],
    ]);
  });

  for (const [when, fail] of /** @type {[string, (python: import('./fake-worker.js').FakeWorker) => Promise<void>][]} */ ([
    ['does not start', async (python) => python.say({ type: 'failed', code: 'boot', message: 'no file' })],
    [
      'fails before it is heard',
      async (python) => {
        await python.open();
        python.say({ type: 'error', id: 1, code: 'enhancer', message: 'injected' });
      },
    ],
    [
      'is too slow before it is heard',
      async (python) => {
        await python.open();
        python.say({ type: 'overload', id: 1, action: 'bypass', tier: 'c20' });
      },
    ],
  ])) {
    test(`and Python ${when}, the other one stays, one event says so, and restart() tries again`, async () => {
      const { session, early, python, codes } = await heard();
      await fail(python);
      await settled();
      const once = codes().filter((code) => code !== 'ready ');
      assert.match(once.join(), /^limited (boot|enhancer|overload)$/);
      assert.deepEqual([session.state, session.info?.kernel, session.reason, session.early], ['ready', 'early', undefined, undefined]);
      mock.timers.tick(2 * LINGER);
      assert.ok(early.alive && !python.alive);
      assert.ok(early.messages.some(({ type }) => type === 'keep'), 'it reacts to overload from now on');
      const refused = session.setModel('c99');
      const { id, token } = early.messages.at(-1);
      early.say({ type: 'answer', id, token, code: 'model', message: 'there is no tier c99' });
      await assert.rejects(refused, { code: 'model' });
      session.restart();
      await open(early);
      await workers[2].open();
      assert.deepEqual([session.state, session.info], ['ready', { tier: 'c20' }]);
    });
  }

  test('and falls behind, a fallback says so until it has caught up', async () => {
    const { session, early, python, codes } = await heard();
    for (const state of ['waiting', 'enhanced', 'starved']) session.onPlaying(state);
    mock.timers.tick(10_000);
    assert.deepEqual([codes(), session.state], [['overload wait', 'fallback stalled'], 'fallback']);
    session.onPlaying('enhanced');
    assert.deepEqual([session.state, early.alive, python.alive], ['loading', true, true]);
    await python.open();
    assert.equal(session.state, 'ready');
  });

  test('and falls behind, Python does not hide it if it is not heard either', async () => {
    const { session, python, codes } = await heard();
    session.onPlaying('starved');
    mock.timers.tick(9999);
    await python.open();
    python.say({ type: 'stats', id: 1, frames: 1, errors: 0 });
    mock.timers.tick(9999);
    assert.deepEqual([codes().filter((code) => code !== 'stats '), session.state], [['overload wait', 'ready '], 'ready']);
    mock.timers.tick(1);
    assert.deepEqual([codes().at(-1), session.state], ['fallback stalled', 'fallback']);
  });

  test('one that cannot run is no loss: Python downloads the files itself, and its failure is a fallback', async () => {
    const [a] = sessions(1, 'python');
    a.session.boot();
    const [early, python] = workers;
    early.say({ type: 'failed', code: 'boot', message: 'no SIMD' });
    await settled();
    assert.deepEqual([a.codes(), a.session.early, python.messages[0].files], [[], undefined, undefined]);
    python.say({ type: 'failed', code: 'boot', message: 'no file' });
    assert.deepEqual(a.codes(), ['fallback boot']);
  });

  test('and Python fails first, whatever keeps that one from running afterwards makes it a fallback', async () => {
    for (const failure of [
      { type: 'failed', code: 'boot', message: 'no SIMD' },
      { type: 'error', id: 1, code: 'enhancer', message: 'injected' },
      { type: 'answer', id: 1, token: 2, code: 'model', message: 'no image' },
    ]) {
      useFakeWorkers();
      const [a] = sessions(1, 'python');
      a.session.boot();
      const [early, python] = workers;
      python.say({ type: 'failed', code: 'boot', message: 'no file' });
      assert.deepEqual([a.codes(), a.session.state], [[], 'loading']);
      early.say(failure);
      await settled();
      assert.deepEqual([a.codes(), a.session.state, a.session.early], [['fallback boot'], 'fallback', undefined], failure.type);
    }
  });

  test('there is none for a model file that only Python reads, nor for an instance that comes after Python', async () => {
    const assets = freshAssets();
    const options = { engine: /** @type {const} */ ('python'), assets, model: 'https://app.example/mine.pnw', attenuationLimit: 20 };
    const owner = { emit() {}, connect() {}, onChange() {}, running: () => true };
    new Session(options, owner).boot();
    await workers[0].open();
    new Session({ ...options, model: '' }, owner).boot();
    assert.equal(workers.length, 1);
  });

  test('Python that is ready before there is a node needs no other', async () => {
    const [a] = sessions(1, 'python');
    a.session.boot();
    await open(workers[0]);
    await workers[1].open();
    assert.deepEqual([a.session.state, a.session.early], ['ready', undefined]);
  });
});
