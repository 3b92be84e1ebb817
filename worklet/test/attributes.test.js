import assert from 'node:assert/strict';
import test from 'node:test';
import { readAttributes } from '../attributes.js';
import { generator } from './signal.js';

globalThis.document = /** @type {any} */ ({ baseURI: 'https://app.example/room/index.html' });

test('no attribute, no option', () => {
  assert.deepEqual(readAttributes({}), { options: {}, problems: [] });
});

test('every attribute becomes an option; addresses are relative to the page', () => {
  const { options, problems } = readAttributes({ assets: '../runtime/', attenuationLimit: '24', enabled: 'false', preload: '' });
  assert.deepEqual(problems, []);
  assert.deepEqual(options, {
    assets: 'https://app.example/runtime/',
    attenuationLimit: 24,
    enabled: false,
    preload: true,
  });
  assert.equal(readAttributes({ engine: 'worker' }).options.engine, 'worker');
  assert.equal(readAttributes({ attenuationLimit: 'Infinity' }).options.attenuationLimit, Infinity);
});

for (const [name, text, html] of [
  ['attenuationLimit', '-3', 'data-attenuation-limit="-3"'],
  ['attenuationLimit', 'strong', 'data-attenuation-limit="strong"'],
  ['attenuationLimit', '', 'data-attenuation-limit=""'],
  ['engine', 'wasm', 'data-engine="wasm"'],
  ['engine', '', 'data-engine=""'],
  ['enabled', 'no', 'data-enabled="no"'],
  ['preload', '1', 'data-preload="1"'],
  ['assets', '', 'data-assets=""'],
  ['assets', 'https://', 'data-assets="https://"'],
  ['assets', 'javascript:alert(1)', 'data-assets="javascript:alert(1)"'],
  ['assets', 'data:text/javascript,alert(1)', 'data-assets="data:text/javascript,alert(1)"'],
  ['enabled', 'constructor', 'data-enabled="constructor"'],
  ['preload', '__proto__', 'data-preload="__proto__"'],
]) {
  test(`${html} is reported with its remedy and ignored`, () => {
    const { options, problems } = readAttributes({ [name]: text, enabled: name === 'enabled' ? text : 'true' });
    assert.equal(options[name], undefined);
    assert.equal(problems.length, 1);
    assert.ok(problems[0].startsWith(html) && problems[0].includes('it must be '), problems[0]);
    if (name !== 'enabled') assert.equal(options.enabled, true, 'the others were ignored too');
  });
}

test('a misspelt attribute is reported with the right one', () => {
  for (const [name, meant] of [['attenuation', 'attenuation-limit'], ['attenuationlimit', 'attenuation-limit'], ['modell', 'model'], ['enable', 'enabled']]) {
    const { options, problems } = readAttributes({ [name]: '1' });
    assert.deepEqual(options, {});
    assert.equal(problems.length, 1, name);
    assert.match(problems[0], new RegExp(`did you mean data-${meant}\\?`));
  }
});

test('the attributes of other tools are none of our business', () => {
  const dataset = { cfasync: 'false', turboTrack: 'reload', nscript: 'beforeInteractive', constructor: '1', strength: '2' };
  assert.deepEqual(readAttributes(dataset), { options: {}, problems: [] });
});

test('whatever the attributes say: no exception, options of the right types, and one problem for each of ours that is wrong', () => {
  const random = generator(8);
  const pick = (/** @type {any[]} */ list) => list[Math.floor(random() * list.length)];
  const names = ['model', 'assets', 'attenuationLimit', 'enabled', 'preload', 'Model', 'constructor', 'toString', 'hasOwnProperty', 'x'];
  const parts = ['', 'true', 'false', '24', '-1', '1e999', 'NaN', 'c20', 'auto', '../', 'https://', 'javascript:', '\0', '\ud800', '<b>', ' ', '__proto__'];
  for (let round = 0; round < 5000; round++) {
    /** @type {Record<string, string>} */
    const dataset = {};
    for (let n = Math.floor(random() * 5); n > 0; n--) dataset[pick(names)] = pick(parts) + pick(['', pick(parts)]);
    const { options, problems } = readAttributes(dataset);
    const ours = Object.keys(dataset).filter((name) => names.indexOf(name) < 6);
    assert.equal(Object.keys(options).length + problems.length, ours.length);
    assert.equal(Object.getPrototypeOf(options), Object.prototype);
    for (const [name, value] of Object.entries(options)) {
      if (name === 'model') assert.ok(/^[\w-]+$/.test(value) || URL.canParse(value), value);
      else if (name === 'assets') assert.ok(URL.canParse('pyodide.mjs', value), value);
      else if (name === 'attenuationLimit') assert.ok(typeof value === 'number' && value >= 0, String(value));
      else assert.ok((name === 'enabled' || name === 'preload') && typeof value === 'boolean', `${name}: ${value}`);
    }
  }
});

test('a model is a tier, or an address relative to the page', () => {
  assert.equal(readAttributes({ model: 'auto' }).options.model, 'auto');
  assert.equal(readAttributes({ model: 'mine.pnw' }).options.model, 'https://app.example/room/mine.pnw');
  assert.match(readAttributes({ model: '' }).problems[0], /data-model="" is ignored: it must be a tier/);
});
