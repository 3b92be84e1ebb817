import assert from 'node:assert/strict';
import test from 'node:test';
import { readAttributes } from '../attributes.js';

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
  assert.equal(readAttributes({ attenuationLimit: 'Infinity' }).options.attenuationLimit, Infinity);
});

for (const [name, text, html] of [
  ['attenuationLimit', '-3', 'data-attenuation-limit="-3"'],
  ['attenuationLimit', 'strong', 'data-attenuation-limit="strong"'],
  ['attenuationLimit', '', 'data-attenuation-limit=""'],
  ['enabled', 'no', 'data-enabled="no"'],
  ['preload', '1', 'data-preload="1"'],
  ['assets', '', 'data-assets=""'],
  ['assets', 'https://', 'data-assets="https://"'],
]) {
  test(`${html} is told with its remedy and left out`, () => {
    const { options, problems } = readAttributes({ [name]: text, enabled: name === 'enabled' ? text : 'true' });
    assert.equal(options[name], undefined);
    assert.equal(problems.length, 1);
    assert.ok(problems[0].startsWith(html) && problems[0].includes('give '), problems[0]);
    if (name !== 'enabled') assert.equal(options.enabled, true, 'the others were left out too');
  });
}

test('an attribute that does not exist is told with those that do', () => {
  for (const name of ['attenuation', 'constructor']) {
    const { options, problems } = readAttributes({ [name]: '1' });
    assert.deepEqual(options, {});
    assert.match(problems[0], /data-attenuation-limit/);
  }
});
