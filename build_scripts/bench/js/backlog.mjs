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

/**
 * @param {number} seconds
 * @returns {Promise<{played: string[], delivered: {rate: number, stamps: number[], samples: string}[]}>} of each track what a page
 *     plays, and the blocks as the track delivers them, with time stamps in microseconds; samples are base64 of float32
 */
async function record(seconds) {
  const taps = tracks.map(tap);
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
  return { played: recordings.map(base64), delivered: await Promise.all(taps.map((end) => end())) };
}

/** @param {MediaStreamTrack} track @returns {() => Promise<{rate: number, stamps: number[], samples: string}>} end it */
function tap(track) {
  const copy = track.clone();
  const { readable } = new MediaStreamTrackProcessor({ track: copy, maxBufferSize: 10_000 });
  /** @type {number[]} */
  const stamps = [];
  /** @type {Float32Array[]} */
  const blocks = [];
  let rate = 0;
  const done = readable.pipeTo(
    new WritableStream({
      write(/** @type {any} */ data) {
        const block = new Float32Array(data.numberOfFrames);
        data.copyTo(block, { planeIndex: 0, format: 'f32-planar' });
        rate = data.sampleRate;
        stamps.push(data.timestamp);
        blocks.push(block);
        data.close();
      },
    }),
  );
  return async () => {
    copy.stop();
    await done;
    return { rate, stamps, samples: base64(new Float32Array(await new Blob(/** @type {any} */ (blocks)).arrayBuffer())) };
  };
}

/** @param {Float32Array<ArrayBuffer>} samples */
function base64(samples) {
  return new Uint8Array(samples.buffer).toBase64();
}

Object.assign(globalThis, { backlog: { open, record } });
