/** The article's requests to its worker: one at a time, stopped or failed without a trace in the next. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Fault, Lab, Stopped } from '../article/lab.js';

/** @type {FakeWorker[]} */
let workers = [];

class FakeWorker {
  /** @type {any[]} */
  sent = [];
  terminated = false;
  onmessage = (/** @type {{data: any}} */ _) => {};

  constructor() {
    workers.push(this);
  }

  postMessage(/** @type {any} */ message) {
    this.sent.push(message);
  }

  terminate() {
    this.terminated = true;
  }

  /** @param {any} data */
  say(data) {
    this.onmessage({ data });
  }

  get runs() {
    return this.sent.filter(({ type }) => type === 'run').map(({ snr }) => snr);
  }
}

const REQUEST = { clean: new Float32Array(1), noise: new Float32Array(1), edits: {} };
const settled = () => new Promise((resolve) => setTimeout(resolve));

beforeEach(() => {
  workers = [];
  Object.assign(globalThis, { Worker: FakeWorker });
});

test('a request waits for Python, and a second one for the first', async () => {
  const lab = new Lab(() => {});
  const first = lab.run({ ...REQUEST, snr: 1 });
  await assert.rejects(lab.run({ ...REQUEST, snr: 2 }), /in progress/);
  await settled();
  assert.deepEqual(workers[0].runs, []);
  workers[0].say({ type: 'ready', sources: { comb: 'text' } });
  assert.deepEqual(await lab.sources(), { comb: 'text' });
  await settled();
  assert.deepEqual(workers[0].runs, [1]);
  workers[0].say({ type: 'result', result: 'sound' });
  assert.equal(await first, 'sound');
  void lab.run({ ...REQUEST, snr: 2 });
  await settled();
  assert.deepEqual(workers[0].runs, [1, 2], 'the next request is taken');
});

test('an error names its place, and the same worker stays in use', async () => {
  const lab = new Lab(() => {});
  workers[0].say({ type: 'ready', sources: {} });
  const broken = lab.run({ ...REQUEST, snr: 1 });
  await settled();
  workers[0].say({ type: 'fault', text: 'NameError', module: 'comb', line: 3 });
  await assert.rejects(broken, (error) => error instanceof Fault && error.module === 'comb' && error.line === 3);
  void lab.run({ ...REQUEST, snr: 2 });
  await settled();
  assert.deepEqual(workers[0].runs, [1, 2]);
});

test('what is stopped is given up, at whatever moment, and the next request gets a worker of its own', async () => {
  const lab = new Lab(() => {});
  const waiting = lab.run({ ...REQUEST, snr: 1 });
  const sources = lab.sources();
  lab.stop();
  const next = lab.run({ ...REQUEST, snr: 2 });
  await assert.rejects(waiting, Stopped);
  assert.ok(workers[0].terminated);
  workers[1].say({ type: 'ready', sources: { comb: 'text' } });
  assert.deepEqual(await sources, { comb: 'text' });
  await settled();
  assert.deepEqual([workers[0].runs, workers[1].runs], [[], [2]]);
  lab.stop();
  await assert.rejects(next, Stopped);
  assert.ok(workers[1].terminated && workers.length === 3);
});

test('without Python every request fails and says why', async () => {
  const lab = new Lab(() => {});
  const waiting = lab.run({ ...REQUEST, snr: 1 });
  workers[0].say({ type: 'failed', text: 'no runtime' });
  await assert.rejects(waiting, /no runtime/);
  await assert.rejects(lab.sources(), /no runtime/);
  await assert.rejects(lab.run({ ...REQUEST, snr: 2 }), /no runtime/);
});
