/** The MessagePort transport: the same sound as over shared memory, and nothing that grows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { Blend } from '../blend.js';
import { DELAY, HOP } from '../constants.js';
import { BUFFERS, WorkerLink, WorkletLink } from '../link.js';
import { Pump } from '../pump.js';
import { Ring, SETTLE } from '../ring.js';
import { Inverter, signal } from './signal.js';

const DEPTH = 1920;
const QUANTUM = 128;

/** @param {import('node:test').TestContext} t */
function rig(t) {
  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  const near = Ring.local();
  const blend = new Blend(near, { depth: DEPTH });
  const worklet = new WorkletLink(near, /** @type {any} */ (port1));
  let elapsed = 0;
  const output = new Float32Array(QUANTUM);
  return {
    worklet,
    port: port2,
    /** @returns {number} the share of samples enhanced in one quantum; checks that each is of its moment */
    quantum() {
      blend.render(Float32Array.from({ length: QUANTUM }, (_, i) => signal(elapsed + i)), output);
      worklet.send();
      let enhanced = 0;
      for (let i = 0; i < QUANTUM; i++) {
        const position = elapsed + i - DEPTH - DELAY;
        const expected = position < 0 ? 0 : signal(position);
        assert.ok(Math.abs(output[i]) <= expected + 1e-6);
        if (output[i] === -expected) enhanced++;
        else if (output[i] !== expected) enhanced += 0.5; // cross-fading
      }
      elapsed += QUANTUM;
      return enhanced / QUANTUM;
    },
    /** @param {Pump} [pump] */
    serve(pump = new Pump(Ring.local(), DEPTH, new Inverter())) {
      const link = new WorkerLink(pump.ring, /** @type {any} */ (port2), pump);
      t.after(() => (link.task.port1.close(), port2.close()));
      return pump;
    },
  };
}

const turns = async (count = 6) => {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
};

test('frames go and come back, and all buffers with them', async (t) => {
  const { quantum, serve, worklet } = rig(t);
  const pump = serve();
  let share = 0;
  for (let i = 0; i < 150; i++) {
    share = quantum();
    await turns();
  }
  assert.equal(share, 1);
  assert.equal(pump.skipped, 0);
  assert.equal(worklet.pool.length, BUFFERS);
});

test('without a worker nothing piles up, and the sound is dry', (t) => {
  const { quantum, worklet } = rig(t);
  let share = 0;
  for (let i = 0; i < 1000; i++) share = Math.max(share, i * QUANTUM > DEPTH + DELAY ? quantum() : 0 * quantum());
  assert.equal(share, 0);
  assert.equal(worklet.pool.length, 0);
});

test('a worker that comes late, or stalls, catches up to the present instead of the backlog', async (t) => {
  const { quantum, serve, worklet } = rig(t);
  for (let i = 0; i < 200; i++) quantum();
  const pump = serve();
  for (let i = 0; i < 150; i++) {
    quantum();
    await turns();
  }
  assert.equal(quantum(), 1);
  const { frames } = pump;
  for (let i = 0; i < 200; i++) quantum(); // no turn for the worker meanwhile
  await turns(60);
  assert.ok(pump.frames - frames <= BUFFERS, `${pump.frames - frames} frames of the backlog were computed`);
  for (let i = 0; i < (SETTLE + DEPTH + DELAY) / QUANTUM + 8; i++) {
    quantum();
    await turns();
  }
  assert.equal(quantum(), 1);
  await turns(20);
  assert.equal(worklet.pool.length, BUFFERS);
  assert.ok(pump.skipped > 0);
});

test('an enhancer that is given up still returns the buffers', async (t) => {
  const { quantum, serve, worklet } = rig(t);
  const enhancer = new Inverter();
  enhancer.step = () => {
    throw new Error('injected');
  };
  const pump = serve(new Pump(Ring.local(), DEPTH, enhancer));
  for (let i = 0; i < 60; i++) {
    quantum();
    await turns();
  }
  assert.match(String(pump.failure), /injected/);
  assert.equal(worklet.pool.length, BUFFERS);
  assert.equal(HOP * pump.errors, 3 * HOP);
});
