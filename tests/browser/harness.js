/** What the tests do inside the page. Loaded as window.harness. */
import { loopback } from '/call.js';
import { DELAY, HOP } from '/worklet/constants.js';
import { PercepNet } from '/worklet/percepnet.js';
import { Ring, WORD } from '/worklet/ring.js';

const PLAIN = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** Make an instance that logs its events. */
export async function create(options) {
  const percepnet = await PercepNet.create(options ?? {});
  const log = [];
  for (const type of ['progress', 'ready', 'playing', 'overload', 'fallback', 'limited', 'error', 'stats']) {
    percepnet.addEventListener(type, ({ detail }) => {
      const { error, ...rest } = detail; // an Error does not cross to Python
      log.push({ type, ...rest });
    });
  }
  Object.assign(window, { percepnet, log });
  return percepnet;
}

/** Instances with several engines: `window.each`. On one page they hear the same sound and are recorded together. */
export async function createEach(engines, options) {
  window.each = await Promise.all(engines.map((engine) => PercepNet.create({ ...options, engine })));
  return window.each;
}

/** Wait until all of them are heard, and Python too. */
export async function untilEachEnhanced() {
  await until(() => each.every(({ playing, state, early }) => playing === 'enhanced' && state === 'ready' && !early));
}

/** ms of the longest wait for anything: no test depends on the speed of the machine, this only ends those that hang. */
const PATIENCE = 180_000;

/** The same promise, or an error that says what never came. */
async function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out waiting for ${what}`)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Resolve when `condition` holds. Sleeps between looks, since the one waited for may need this core. */
export async function until(condition) {
  let waiting = true;
  const looks = async () => {
    while (waiting && !condition()) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  await within(looks(), condition).finally(() => (waiting = false));
}

export const untilState = (percepnet, ...states) =>
  within(
    new Promise((resolve) => {
      const look = () => states.includes(percepnet.state) && resolve(percepnet.state);
      for (const type of ['ready', 'fallback']) percepnet.addEventListener(type, look);
      look();
    }),
    states,
  );

export const untilPlaying = (percepnet, state) =>
  within(
    new Promise((resolve) => {
      const look = () => percepnet.playing === state && resolve();
      percepnet.addEventListener('playing', look);
      look();
    }),
    state,
  );

/** Float32 samples as base64, which crosses to Python a hundred times faster than a list of numbers. */
export function encode(samples) {
  return new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength).toBase64();
}

export function decode(text) {
  return new Float32Array(Uint8Array.fromBase64(text).buffer);
}

export async function microphone() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: PLAIN });
  return stream.getAudioTracks()[0];
}

/** A node in `context` that plays a track. A remote one also needs a media element to flow. */
export function player(context, track) {
  const stream = new MediaStream([track]);
  const audio = new Audio();
  audio.muted = true;
  audio.srcObject = stream;
  audio.play();
  (window.elements ??= []).push(audio);
  return context.createMediaStreamSource(stream);
}

/**
 * Begin to record several nodes of one context, all from the same moment on. `full` resolves to the recordings once they have
 * so many samples; stop() ends them earlier, with `start`, the context's sample at which they begin.
 */
export async function startRecording(context, nodes, samples) {
  await context.audioWorklet.addModule('/tests/recorder.js');
  const recorder = new AudioWorkletNode(context, 'recorder', {
    numberOfInputs: nodes.length,
    numberOfOutputs: 0,
    channelCount: 1,
    channelCountMode: 'explicit',
    processorOptions: { samples },
  });
  const full = new Promise((resolve) => (recorder.port.onmessage = ({ data }) => resolve(data)));
  nodes.forEach((node, i) => node.connect(recorder, 0, i));
  const stop = async () => {
    recorder.port.postMessage('stop');
    const recordings = await within(full, 'a recording');
    for (const node of nodes) node.disconnect(recorder);
    return recordings;
  };
  return { full, stop };
}

/** Record several nodes of one context from the same moment on. */
export async function record(context, nodes, samples) {
  const { full } = await startRecording(context, nodes, samples);
  return (await within(full, 'a recording')).map(encode);
}

/** Record several tracks in a context of their own. */
export async function recordTracks(tracks, samples) {
  const context = new AudioContext({ sampleRate: 48000 });
  const recordings = await record(context, tracks.map((track) => player(context, track)), samples);
  await context.close();
  return recordings;
}

/** Record a microphone and what the drop-in makes of it. */
export async function recordDropIn(seconds) {
  return recordTracks([window.raw, window.clean], seconds * 48000);
}

/** The drop-in on the microphone, as an application would use it. */
export async function enhanceMicrophone(options) {
  const percepnet = await create(options);
  window.raw = await microphone();
  window.clean = await percepnet.processTrack(window.raw);
  return percepnet;
}

/** Send a track through a call; the track the far end gets. */
export async function call(track) {
  const { stream } = await loopback(track);
  return stream.getAudioTracks()[0];
}

/** Whether a ring's worker has done every frame that is complete. */
export function drained(ring) {
  const missing = (ring.load(WORD.NEEDED) - ring.load(WORD.WRITTEN)) | 0;
  return missing > 0 && missing <= HOP;
}

/** Render `input` through the enhancer in an OfflineAudioContext; every 4 quanta it waits until `pause(sample)` resolves. */
export async function renderInSteps(percepnet, input, pause) {
  const samples = decode(input);
  const context = new OfflineAudioContext(1, samples.length, 48000);
  const node = await percepnet.createNode(context);
  const buffer = new AudioBuffer({ length: samples.length, sampleRate: 48000 });
  buffer.copyToChannel(samples, 0);
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(node).connect(context.destination);
  source.start();
  for (let sample = 512; sample < samples.length; sample += 512) {
    context.suspend(sample / 48000).then(async () => {
      await pause(sample);
      await context.resume();
    });
  }
  const rendered = await context.startRendering();
  return encode(rendered.getChannelData(0));
}

/**
 * The same at the pace of the worker.
 *
 * `at`: {sample, run} calls run(percepnet) at that sample; when it returns false the worker is no longer waited for.
 */
export async function renderOffline(percepnet, input, at = { sample: Infinity }) {
  let wait = true;
  const output = await renderInSteps(percepnet, input, async (sample) => {
    if (sample >= at.sample) {
      at.sample = Infinity;
      wait = await at.run(percepnet);
    }
    if (wait) await until(() => drained(percepnet.ring));
  });
  const { ring } = percepnet;
  return {
    output,
    start: ring.load(WORD.VALID_FROM) - (DELAY + HOP),
    underruns: ring.load(WORD.UNDERRUNS),
    quanta: ring.load(WORD.QUANTA),
  };
}

export { PercepNet, Ring, WORD };
