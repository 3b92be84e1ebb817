import assert from 'node:assert/strict';
import test from 'node:test';
import { demandsUntouched, microphoneRequest, withoutSuppression } from '../constraints.js';

const OURS = { echoCancellation: true, noiseSuppression: false };

test('the simplest request: echo cancellation on, the browser\'s suppression off, video untouched', () => {
  const video = { width: 640 };
  const { constraints, enhance } = microphoneRequest({ audio: true, video });
  assert.equal(enhance, true);
  assert.deepEqual(constraints, { audio: OURS, video });
  assert.equal(constraints.video, video);
});

for (const asked of [undefined, null, 5, {}, { video: true }, { audio: false, video: true }]) {
  test(`no microphone is asked for: ${JSON.stringify(asked)} goes to the browser as it is`, () => {
    const { constraints, enhance } = microphoneRequest(/** @type {any} */ (asked));
    assert.equal(enhance, false);
    assert.equal(constraints, asked);
  });
}

test('what the page asks of its microphone stays, but for a wish for noise suppression', () => {
  const asked = {
    deviceId: { exact: 'usb' },
    echoCancellation: false,
    noiseSuppression: { ideal: true },
    advanced: [{ noiseSuppression: true, sampleRate: 16000 }],
  };
  const before = structuredClone(asked);
  assert.deepEqual(withoutSuppression(asked), {
    deviceId: { exact: 'usb' },
    echoCancellation: false,
    noiseSuppression: false,
    advanced: [{ sampleRate: 16000 }],
  });
  assert.deepEqual(asked, before, 'the page\'s own object was changed');
});

test('a demand is passed on; the demand for the untouched microphone turns the enhancer off', () => {
  for (const exact of [true, false]) {
    const audio = { noiseSuppression: { exact } };
    const { constraints, enhance } = microphoneRequest({ audio });
    assert.equal(constraints.audio, audio);
    assert.equal(enhance, exact);
    assert.equal(demandsUntouched(audio), !exact);
  }
});

test('the syntax from before the standard is left alone: browsers refuse a mixture', () => {
  const audio = /** @type {any} */ ({ mandatory: { sourceId: 'usb' } });
  assert.equal(microphoneRequest({ audio }).constraints.audio, audio);
});
