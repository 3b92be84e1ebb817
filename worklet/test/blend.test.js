/** What is heard, quantum by quantum, until, while and after the enhancer answers in time. */
import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { Blend, DEPTH_MAX, DEPTH_MIN, MUTED, STARVED, STATE } from '../blend.js';
import { DELAY, HOP, SAMPLE_RATE } from '../constants.js';
import { CAPACITY, Ring, SETTLE, WORD } from '../ring.js';
import { Run } from '../run.js';
import { DEPTH, QUANTUM, Rig } from './rig.js';
import { generator, Inverter, signal } from './signal.js';

/** Fewer where each of many runs must be short: mutation testing. */
const SCHEDULES = Number(process.env.SEEDS ?? 100);

describe('sound', () => {
  test('is raw, at the full delay, until the enhancer is there', () => {
    const rig = new Rig().run(20000, { work: false });
    assert.equal(rig.gain, 0);
    assert.equal(rig.blend.state, STATE.WAITING);
    assert.equal(rig.blend.underruns, 0);
  });

  test('is enhanced as soon as the enhancer has settled, in one cross-fade', () => {
    const rig = new Rig().run(10000, { work: false });
    rig.until(() => rig.gain === 1, SETTLE + DEPTH + 3 * QUANTUM);
    assert.equal(rig.blend.state, STATE.ENHANCED);
    const { quanta } = rig.blend;
    rig.run(200 * QUANTUM);
    assert.equal(rig.blend.quanta - quanta, 200);
    assert.equal(rig.gain, 1);
    assert.equal(rig.blend.underruns, 0);
    assert.equal(rig.pump.skipped, 0);
  });

  test('goes dry without a click when frames are late, and comes back', () => {
    const rig = new Rig().run(20000);
    rig.run(DEPTH, { work: false });
    assert.equal(rig.gain, 0);
    assert.equal(rig.blend.state, STATE.ENHANCED, 'less than 100 ms are not reported');
    rig.run(QUANTUM); // the worker finds 5 frames: those still in time are computed, so that nothing is lost
    assert.equal(rig.pump.skipped, 0);
    rig.run(2 * HOP);
    assert.equal(rig.gain, 1);
    assert.ok(rig.blend.underruns > 0);
  });

  test('of a long backlog is skipped and never played', () => {
    const rig = new Rig().run(20000);
    const frames = rig.pump.frames;
    rig.run(24000, { work: false });
    assert.equal(rig.gain, 0);
    rig.run(QUANTUM);
    assert.ok(rig.pump.skipped >= 24000 / HOP - DEPTH / HOP - 2, `skipped ${rig.pump.skipped}`);
    assert.ok(rig.pump.frames - frames <= 2, `computed ${rig.pump.frames - frames} frames of the backlog`);
    rig.run(SETTLE + DEPTH + HOP);
    assert.equal(rig.gain, 1);
  });

  test('is dry within 100 ms on the sample clock when the worker dies, and says so', () => {
    const rig = new Rig().run(20000);
    rig.until(() => rig.gain === 0, 4800 - QUANTUM, { work: false });
    const dry = rig.elapsed - QUANTUM;
    rig.until(() => rig.blend.state === STATE.STARVED, STARVED, { work: false });
    assert.ok(rig.elapsed - dry >= STARVED, `said so after ${rig.elapsed - dry} samples`);
    const { underruns } = rig.blend;
    rig.run(1000 * QUANTUM, { work: false });
    assert.equal(rig.gain, 0);
    assert.equal(rig.blend.underruns - underruns, 1000, 'each late quantum counts');
  });

  test('is switched off and on without a click, at the same delay; off, no frame is computed', () => {
    const rig = new Rig().run(20000);
    const notified = mock.method(rig.ring, 'publishActive');
    rig.blend.enabled = false;
    rig.run(QUANTUM);
    assert.equal(rig.gain, 0);
    assert.equal(rig.blend.state, STATE.BYPASSED);
    rig.run(QUANTUM);
    const { frames } = rig.pump;
    rig.run(48000);
    assert.equal(rig.pump.frames, frames);
    const ahead = (rig.ring.load(WORD.NEEDED) - rig.ring.load(WORD.WRITTEN)) | 0;
    assert.ok(ahead > 3600 * SAMPLE_RATE, 'the worker is woken for nothing');
    rig.blend.enabled = true;
    rig.run(QUANTUM);
    assert.equal(rig.blend.state, STATE.WAITING);
    rig.run(SETTLE + DEPTH + HOP);
    assert.equal(rig.gain, 1);
    assert.deepEqual(notified.mock.calls.map((call) => call.arguments), [[false], [true]], 'the worker is notified once');
    assert.equal(rig.blend.underruns, 0, 'switching is not lateness');
    assert.equal(rig.pump.skipped, 0, 'resting is not lateness');
  });

  test('of a muted microphone costs nothing, and is enhanced again after it', () => {
    const rig = new Rig().run(20000);
    const muted = rig.elapsed;
    rig.source = (position) => (position < muted ? signal(position) : 0);
    rig.run(MUTED + QUANTUM);
    const { frames } = rig.pump;
    rig.run(48000);
    assert.equal(rig.pump.frames, frames);
    assert.equal(rig.blend.state, STATE.RESTING);
    rig.blend.enabled = false;
    rig.run(QUANTUM);
    assert.equal(rig.blend.state, STATE.BYPASSED, 'switched off, whatever the microphone does');
    rig.blend.enabled = true;
    rig.run(QUANTUM);
    assert.equal(rig.blend.state, STATE.RESTING, 'switched on, and still muted');
    const unmuted = rig.elapsed;
    rig.source = (position) => (position < muted || position >= unmuted ? signal(position) : 0);
    rig.gain = 0; // silence has none; what follows it begins raw
    rig.run(SETTLE + DEPTH + DELAY + HOP);
    assert.equal(rig.gain, 1);
  });

  test('is enhanced through a pause that is shorter than a mute', () => {
    const rig = new Rig().run(20000);
    const [from, to] = [rig.elapsed, rig.elapsed + MUTED - QUANTUM];
    rig.source = (position) => (position < from || position >= to ? signal(position) : 0);
    const { frames } = rig.pump;
    rig.run(to - from);
    assert.equal(rig.blend.state, STATE.ENHANCED);
    assert.ok(rig.pump.frames - frames >= (to - from) / HOP - 1);
    rig.run(20000);
    assert.equal(rig.gain, 1);
    assert.equal(rig.blend.underruns, 0);
  });

  test('that is raw survives the deepest ring and the largest quanta', () => {
    const rig = new Rig({ depth: DEPTH_MAX, quantum: 2048 }).run(4 * CAPACITY, { work: false });
    assert.equal(rig.gain, 0);
    assert.ok(DEPTH_MIN < DEPTH && DEPTH < DEPTH_MAX);
  });

  test('that is enhanced is played from its first sample on, as long as a quantum to fade out in is there too', () => {
    for (const [from, end, wet] of [[0, 2 * QUANTUM, true], [1, 2 * QUANTUM, false], [0, 2 * QUANTUM - 1, false]]) {
      const ring = Ring.local();
      const blend = new Blend(ring, { depth: DEPTH });
      const output = new Float32Array(QUANTUM);
      for (let position = 0; position < DEPTH; position += QUANTUM) blend.render(undefined, output);
      ring.publishDone(Number(from), Number(end));
      blend.render(undefined, output);
      assert.equal(blend.wet, wet, `[${from}, ${end})`);
    }
  });

  for (const start of [(2 ** 31 - 30000) | 0, (2 ** 32 - 30000) | 0]) {
    test(`survives the wrap of the clock at ${start}`, () => {
      const rig = new Rig({ start }).run(20000);
      rig.source = (position) => signal(position | 0);
      rig.run(80000);
      assert.equal(rig.gain, 1);
      assert.equal(rig.blend.underruns + rig.pump.skipped, 0);
    });
  }

  test('has the same delay with quanta of another size', () => {
    for (const quantum of [1, 100, 480, 1024]) {
      const rig = new Rig({ quantum }).run(20000);
      assert.equal(rig.gain, quantum < 1024 ? 1 : rig.gain);
    }
  });

  test('is always of its moment and never clicks, whatever the worker does, in seeded schedules', () => {
    for (let seed = 0; seed < SCHEDULES; seed++) {
      const random = generator(seed);
      const faulty = new Inverter();
      const step = faulty.step.bind(faulty);
      faulty.step = () => {
        if (random() < 0.02) throw new Error('injected');
        step();
        if (random() < 0.01) faulty.result[7] = NaN;
      };
      const rig = new Rig({ enhancer: faulty, start: (random() * 2 ** 32) | 0 });
      const known = rig.source;
      rig.source = (position) => known(position | 0);
      const stall = random() * 0.1;
      let sleep = 0;
      for (let i = 0; i < 400; i++) {
        if (random() < stall) sleep = Math.floor(random() * random() * 100);
        if (random() < 0.01) rig.blend.enabled = !rig.blend.enabled;
        rig.quantumOnce({ work: sleep-- <= 0 });
      }
    }
  });
});

test('what pages and the worker rely on', () => {
  assert.deepEqual(Object.values(STATE), ['waiting', 'enhanced', 'starved', 'resting', 'bypassed']);
  assert.deepEqual([STARVED, MUTED], [0.1 * SAMPLE_RATE, SAMPLE_RATE]);
});

test('NaN from a microphone becomes silence', () => {
  const ring = Ring.local();
  const blend = new Blend(ring, { depth: DEPTH });
  const output = new Float32Array(QUANTUM);
  for (let i = 0; i < 100; i++) {
    blend.render(new Float32Array(QUANTUM).fill(i % 2 ? NaN : Infinity), output);
    assert.ok(output.every((x) => x === 0));
  }
});

test('a run knows where the one before it ended, however long either lasts', () => {
  const ring = Ring.local();
  const run = new Run(ring, 0);
  const end = { first: 3 * HOP, second: 8 * HOP };
  for (let done = HOP; done <= end.first; done += HOP) {
    ring.publishDone(0, done);
    run.covers(done - HOP, QUANTUM, 0);
    assert.equal(run.before, 0);
  }
  for (let done = 7 * HOP; done <= end.second; done += HOP) {
    ring.publishDone(6 * HOP, done);
    run.covers(end.first, QUANTUM, 0);
    assert.deepEqual([run.from, run.before, run.end], [6 * HOP, end.first, done]);
  }
});
