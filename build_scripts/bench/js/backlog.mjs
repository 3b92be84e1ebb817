/**
 * A page with a microphone, its clean track, and the track of an empty graph, all recorded in one context, as a page would play
 * them; backlog.py calls open() and record().
 */
const FOLDER = new URL('./', location.href);
const RATE = 48000;

/** @type {MediaStreamTrack[]} microphone, clean, empty graph */
let tracks;
/** @type {any} */
let percepnet;

/** @param {string} engine @returns {Promise<string>} the transport */
async function open(engine) {
  const { PercepNet } = await import(new URL('site/worklet/percepnet.js', FOLDER).href);
  percepnet = await PercepNet.create({ engine });
  const constraints = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const [microphone] = (await navigator.mediaDevices.getUserMedia({ audio: constraints })).getAudioTracks();
  const clean = await percepnet.processTrack(microphone);
  while (percepnet.playing !== 'enhanced') await new Promise((resolve) => setTimeout(resolve, 50));
  const context = new AudioContext({ sampleRate: RATE, latencyHint: 'interactive' });
  const destination = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  context.createMediaStreamSource(new MediaStream([microphone])).connect(destination);
  tracks = [microphone, clean, ...destination.stream.getAudioTracks()];
  return percepnet.support.transport;
}

/** @param {number} seconds @returns {Promise<string[]>} a recording of each track, base64 of float32 */
async function record(seconds) {
  const player = new AudioContext({ sampleRate: RATE });
  await player.audioWorklet.addModule(new URL('bench/js/recorder.mjs', FOLDER));
  const recorder = new AudioWorkletNode(player, 'recorder', {
    numberOfInputs: tracks.length,
    numberOfOutputs: 0,
    channelCount: 1,
    channelCountMode: 'explicit',
    processorOptions: { samples: seconds * RATE },
  });
  tracks.forEach((track, i) => player.createMediaStreamSource(new MediaStream([track])).connect(recorder, 0, i));
  /** @type {Float32Array<ArrayBuffer>[]} */
  const recordings = await new Promise((resolve) => (recorder.port.onmessage = ({ data }) => resolve(data)));
  await player.close();
  return recordings.map((recording) => new Uint8Array(recording.buffer).toBase64());
}

Object.assign(globalThis, { backlog: { open, record } });
