/** What is out of date is computed, once; the visitor's errors and Stop leave the last results. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Computing } from '../article/computing.js';
import { Fault, Stopped } from '../article/lab.js';

/** @type {any[]} */
let asked = [];
/** @type {string[]} */
let log = [];
/** @type {any} */
let editor;
/** @type {any} */
let clip;
/** @type {Computing} */
let computing;

const settled = () => new Promise((resolve) => setTimeout(resolve));

/** Answer the request in progress. @param {any} answer a result, or an error */
async function answer(answer) {
  const { resolve, reject } = asked.at(-1);
  if (answer instanceof Error) reject(answer);
  else resolve(answer);
  await settled();
}

beforeEach(() => {
  asked = [];
  log = [];
  clip = { clean: 'speech', noise: 'noise', snr: 5 };
  editor = { edits: {}, succeed: () => log.push('succeed'), fail: (/** @type {any[]} */ ...where) => log.push(`fail ${where}`) };
  const lab = {
    run: (/** @type {any} */ request) => new Promise((resolve, reject) => asked.push({ request, resolve, reject })),
    stop: () => asked.at(-1).reject(new Stopped('stopped')),
  };
  computing = new Computing(/** @type {any} */ (lab), editor, {
    clip: () => clip,
    computed: (version) => log.push(`computed ${version}`),
    running: (on) => log.push(on ? 'begins' : 'ends'),
    say: (text) => log.push(text),
  });
});

test('a new clip is computed without edits, and again for what changed meanwhile', async () => {
  computing.renew();
  computing.renew();
  assert.equal(asked.length, 1);
  assert.deepEqual(asked[0].request, { ...clip, edits: {} });
  clip = { ...clip, snr: -2 };
  computing.renew();
  await answer('first');
  assert.equal(asked.length, 2);
  assert.equal(asked[1].request.snr, -2);
  await answer('second');
  assert.deepEqual(computing.results, { original: 'second' });
  assert.deepEqual(log.slice(-3), ['computed original', 'Ready.', 'ends']);
  assert.ok(!computing.running);
});

test('without a clip nothing begins', async () => {
  clip = undefined;
  computing.renew();
  await settled();
  assert.deepEqual([asked, log], [[], []]);
});

test('edited code is computed in addition to the original, and played on request', async () => {
  computing.renew();
  await answer('original');
  editor.edits = { comb: 'text' };
  computing.rerun(true);
  assert.deepEqual(asked[1].request.edits, { comb: 'text' });
  await answer('own');
  assert.deepEqual(computing.results, { original: 'original', yours: 'own' });
  assert.ok(log.includes('computed yours') && log.includes('succeed'));
  computing.renew();
  await answer('next');
  await answer('own next');
  assert.equal(log.at(-3), 'computed undefined', 'the choice stays');
  editor.edits = {};
  computing.rerun(true);
  await settled();
  assert.deepEqual(computing.results, { original: 'next' });
});

test('an error in edited code is shown in its place, and the last result stays', async () => {
  computing.renew();
  await answer('original');
  editor.edits = { comb: 'text' };
  computing.rerun(true);
  await answer('own');
  computing.rerun(true);
  await answer(new Fault({ text: 'NameError', module: 'comb', line: 3 }));
  assert.equal(computing.results.yours, 'own');
  assert.ok(log.includes('fail NameError,comb,3'));
  assert.match(log.at(-2) ?? '', /^Your code stopped with an error/);
});

test('Stop discards everything out of date; other errors are shown', async () => {
  computing.renew();
  computing.stop();
  await settled();
  assert.equal(asked.length, 1);
  assert.deepEqual(log.slice(-2), ['Stopped. The last sound is kept.', 'ends']);
  computing.renew();
  await answer(new Error('no runtime'));
  assert.equal(log.at(-2), 'no runtime. The last sound is kept.');
});
