import assert from 'node:assert/strict';
import test from 'node:test';
import { microphoneRequest, requiresUntouched, suppressionOff, wantsSuppression, withoutSuppression } from '../constraints.js';

const OURS = { echoCancellation: true, noiseSuppression: false };

test('the simplest request: echo cancellation on, the browser\'s suppression off, video untouched', () => {
  const video = { width: 640 };
  const { constraints, microphone } = microphoneRequest({ audio: true, video });
  assert.deepEqual(microphone, {});
  assert.deepEqual(constraints, { audio: OURS, video });
  assert.equal(constraints.video, video);
});

for (const asked of [undefined, null, 5, {}, { video: true }, { audio: false, video: true }]) {
  test(`no microphone is asked for: ${JSON.stringify(asked)} goes to the browser as it is`, () => {
    const { constraints, microphone } = microphoneRequest(asked);
    assert.equal(microphone, undefined);
    assert.equal(constraints, asked);
  });
}

test("the page's own constraints stay, except a wish for noise suppression", () => {
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

test('required suppression is passed on', () => {
  const audio = { noiseSuppression: { exact: true } };
  const { constraints, microphone } = microphoneRequest({ audio });
  assert.deepEqual(constraints, { audio });
  assert.deepEqual(microphone, audio);
  assert.equal(requiresUntouched(audio), false);
  assert.deepEqual(suppressionOff(audio), OURS, 'of an open microphone it is the enhancer that meets it');
});

const UNTOUCHED = [
  { noiseSuppression: { exact: false } },
  { channelCount: { exact: 2 } },
  { channelCount: { min: 2 } },
  { sampleRate: { exact: 44100 } },
  { sampleRate: { max: 16000 } },
  { sampleRate: { min: 96000 } },
  { latency: { max: 0.02 } },
  { latency: { exact: 0.01 } },
  { mediaSource: 'audioCapture' },
  { mandatory: { chromeMediaSource: 'desktop' } },
  { optional: [{ echoCancellation: true }, { chromeMediaSource: 'tab' }] },
];

for (const audio of /** @type {any[]} */ (UNTOUCHED)) {
  test(`the request goes to the browser as it is: ${JSON.stringify(audio)}`, () => {
    const asked = { audio };
    const { constraints, microphone } = microphoneRequest(asked, 0.07);
    assert.equal(microphone, undefined);
    assert.equal(constraints, asked);
  });
}

const MET = [
  { noiseSuppression: false },
  { channelCount: 2 },
  { channelCount: { ideal: 2, min: 1 } },
  { channelCount: { exact: 1 } },
  { sampleRate: { exact: 48000 } },
  { sampleRate: { min: 44100 } },
  { sampleRate: 16000 },
  { latency: 0 },
  { latency: { max: 0.1 } },
  { mediaSource: 'microphone' },
];

for (const audio of /** @type {any[]} */ (MET)) {
  test(`the microphone is enhanced: ${JSON.stringify(audio)}`, () => {
    assert.deepEqual(microphoneRequest({ audio }, 0.07).microphone, audio);
  });
}

test('the syntax from before the standard stays as it is: browsers refuse a mixture', () => {
  const audio = /** @type {any} */ ({ mandatory: { sourceId: 'usb' }, optional: [{ googNoiseSuppression: true }] });
  const { constraints, microphone } = microphoneRequest({ audio });
  assert.deepEqual(constraints, { audio });
  assert.deepEqual(microphone, audio);
});

test('whatever WebIDL takes for a dictionary is read as one, each member once', () => {
  let reads = 0;
  class Asked {
    get echoCancellation() {
      reads += 1;
      return { exact: false, own() {} };
    }
  }
  assert.deepEqual(microphoneRequest({ audio: new Asked() }).microphone, { echoCancellation: { exact: false } });
  assert.equal(reads, 1);
  assert.deepEqual(microphoneRequest(Object.create({ audio: true, video: 5 })).constraints, { audio: OURS, video: 5 });
  assert.deepEqual(microphoneRequest({ audio: null }).microphone, {});
  assert.deepEqual(microphoneRequest({ audio: 'yes' }).microphone, {});
  const lists = { advanced: new Set([null, { deviceId: new Set(['a', 'b']) }]), deviceId: { ideal: ['c'] } };
  assert.deepEqual(microphoneRequest({ audio: lists }).microphone, { advanced: [{}, { deviceId: ['a', 'b'] }], deviceId: { ideal: ['c'] } });
});

test('later changes of the page do not reach the copy', () => {
  const audio = { deviceId: { exact: ['usb'] }, advanced: [{ echoCancellation: true }] };
  const { constraints, microphone } = microphoneRequest({ audio });
  audio.deviceId.exact[0] = 'other';
  audio.advanced[0].echoCancellation = false;
  for (const copy of /** @type {any[]} */ ([constraints.audio, microphone])) {
    assert.deepEqual([copy.deviceId, copy.advanced], [{ exact: ['usb'] }, [{ echoCancellation: true }]]);
  }
});

test('when the page gets the browser\'s suppression', () => {
  for (const noiseSuppression of [undefined, true, { ideal: true }, { exact: true }]) {
    assert.equal(wantsSuppression({ noiseSuppression }), true);
  }
  for (const noiseSuppression of [false, { ideal: false }]) assert.equal(wantsSuppression({ noiseSuppression }), false);
});
