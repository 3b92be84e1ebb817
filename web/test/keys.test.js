/** Single keys act, except where they have another meaning. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { actOnKeys } from '../keys.js';

/** @type {(event: any) => void} */
let press = () => {};
const box = { checked: true };

beforeEach(() => {
  box.checked = true;
  Object.assign(globalThis, {
    document: {
      getElementById: () => box,
      addEventListener: (/** @type {string} */ _, /** @type {(event: any) => void} */ listener) => (press = listener),
    },
  });
});

/** @param {string} key @param {string} [element] that has the focus @param {object} [more] @returns {boolean} whether it was taken */
function taken(key, element = 'body', more = {}) {
  let prevented = false;
  const target = { closest: (/** @type {string} */ selectors) => selectors.split(', ').includes(element) };
  press({ key, target, preventDefault: () => (prevented = true), ...more });
  return prevented;
}

test('a key acts in either case, once, unless something else is held or typed', () => {
  let count = 0;
  actOnKeys({ b: () => count++ || undefined, toString: () => false });
  assert.ok(taken('b') && taken('B') && taken('b', 'button'));
  assert.equal(count, 3);
  for (const more of [{ ctrlKey: true }, { metaKey: true }, { altKey: true }, { repeat: true }]) assert.ok(!taken('b', 'body', more));
  for (const element of ['textarea', 'select', 'audio', 'summary']) assert.ok(!taken('b', element));
  assert.ok(!taken('x') && !taken('hasOwnProperty'));
  box.checked = false;
  assert.ok(!taken('b'));
  assert.equal(count, 3);
});

test('the space bar is left to what it would press, and a key to the browser if there is nothing to do', () => {
  actOnKeys({ ' ': () => undefined, v: () => false });
  assert.ok(taken(' '));
  for (const element of ['button', 'input', 'a']) assert.ok(!taken(' ', element));
  assert.ok(!taken('v'));
});
