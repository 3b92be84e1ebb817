/**
 * A bare page with a track that is already open; engines.py calls open(), start() and record().
 *
 * Every system is put between the track and a track of its own, in a context of its own, as a page would do that uses its package.
 */
const FOLDER = new URL('./', location.href);
const RATE = 48000;
/** Samples of a frame of RNNoise, and full scale of the 16-bit samples that it wants. */
const FRAME = 480;
const INT16 = 32768;
/** ms of the longest wait: this only ends a run that hangs. */
const PATIENCE = 120_000;

/** @typedef {{output: MediaStreamTrack, enhanced: Promise<unknown>, stats?: () => any}} Started */

/** @type {MediaStreamTrack} */
let track;
/** @type {Started} */
let started;

/** @type {Record<string, (track: MediaStreamTrack) => Promise<Started>>} */
const SYSTEMS = {
  empty: (track) => through(track, async (context) => new GainNode(context)),
  sapphi: (track) => through(track, async (context) => {
    const { loadRnnoise, RnnoiseWorkletNode } = await import(new URL('peers/@sapphi-red/web-noise-suppressor/dist/index.js', FOLDER).href);
    const dist = new URL('peers/@sapphi-red/web-noise-suppressor/dist/', FOLDER);
    const [wasmBinary] = await Promise.all([
      loadRnnoise({ url: new URL('rnnoise.wasm', dist).href, simdUrl: new URL('rnnoise_simd.wasm', dist).href }),
      context.audioWorklet.addModule(new URL('rnnoise/workletProcessor.js', dist)),
    ]);
    return new RnnoiseWorkletNode(context, { wasmBinary, maxChannels: 1 });
  }),
  gtcrn: (track) => through(track, async (context) => {
    const { loadGtcrn, GtcrnWorkletNode } = await import(new URL('peers/@sapphi-red/web-noise-suppressor/dist/index.js', FOLDER).href);
    const dist = new URL('peers/@sapphi-red/web-noise-suppressor/dist/', FOLDER);
    const [wasmBinary] = await Promise.all([
      loadGtcrn({ url: new URL('gtcrn.wasm', dist).href }),
      context.audioWorklet.addModule(new URL('gtcrn/workletProcessor.js', dist)),
    ]);
    return new GtcrnWorkletNode(context, { wasmBinary, maxChannels: 1 });
  }),
  shiguredo,
  python: (track) => percepnet(track, 'python'),
  worker: (track) => percepnet(track, 'worker'),
  worklet: (track) => percepnet(track, 'worklet'),
};

/** @param {MediaStreamTrack} track @param {(context: AudioContext) => Promise<AudioNode>} make @returns {Promise<Started>} */
async function through(track, make) {
  const context = new AudioContext({ sampleRate: RATE, latencyHint: 'interactive' });
  const source = context.createMediaStreamSource(new MediaStream([track]));
  const destination = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  source.connect(await make(context)).connect(destination);
  const [output] = destination.stream.getAudioTracks();
  return { output, enhanced: sounding(output) };
}

/** RNNoise 0.2 on the page's thread, fed by insertable streams as its publisher's package does. @param {MediaStreamTrack} track @returns {Promise<Started>} */
async function shiguredo(track) {
  const { Rnnoise } = await import(new URL('peers/@shiguredo/rnnoise-wasm/dist/rnnoise.js', FOLDER).href);
  const state = (await Rnnoise.load()).createDenoiseState();
  const { MediaStreamTrackProcessor, MediaStreamTrackGenerator } = /** @type {any} */ (globalThis);
  const generator = new MediaStreamTrackGenerator({ kind: 'audio' });
  const frame = new Float32Array(FRAME);
  let filled = 0;
  let timestamp = 0;
  const suppress = new TransformStream({
    /** @param {any} data @param {TransformStreamDefaultController} controller */
    transform(data, controller) {
      const samples = new Float32Array(data.numberOfFrames);
      data.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
      timestamp ||= data.timestamp;
      data.close();
      for (const sample of samples) {
        frame[filled++] = INT16 * sample;
        if (filled < FRAME) continue;
        filled = 0;
        state.processFrame(frame);
        const { AudioData } = /** @type {any} */ (globalThis);
        const format = { format: 'f32-planar', sampleRate: RATE, numberOfFrames: FRAME, numberOfChannels: 1 };
        controller.enqueue(new AudioData({ ...format, timestamp, data: frame.map((each) => each / INT16) }));
        timestamp += (1e6 * FRAME) / RATE;
      }
    },
  });
  void new MediaStreamTrackProcessor({ track: track.clone() }).readable.pipeThrough(suppress).pipeTo(generator.writable);
  return { output: generator, enhanced: sounding(generator) };
}

/** @param {MediaStreamTrack} track @param {string} engine @returns {Promise<Started>} */
async function percepnet(track, engine) {
  const { PercepNet } = await import(new URL('site/worklet/percepnet.js', FOLDER).href);
  const instance = await PercepNet.create({ engine });
  const failed = new Promise((_, reject) => {
    instance.addEventListener('fallback', (/** @type {any} */ { detail }) => reject(new Error(detail.message)));
  });
  failed.catch(() => {}); // awaited by start() and settled()
  const announced = new Promise((resolve) => {
    instance.addEventListener('playing', (/** @type {any} */ { detail }) => detail.state === 'enhanced' && resolve(undefined));
  });
  /** @returns {Promise<any>} */
  const stats = () => new Promise((resolve) => {
    instance.addEventListener('stats', (/** @type {any} */ { detail }) => resolve(detail), { once: true });
  });
  const settled = async () => {
    while (!(instance.state === 'ready' && !instance.early)) await stats();
    await stats(); // which may cover what came before
    return stats();
  };
  const output = await instance.processTrack(track);
  return { output, enhanced: Promise.race([failed, Promise.all([announced, sounding(output)])]), stats: () => Promise.race([failed, settled()]) };
}

/** Resolves with the first sample that is not zero: these packages put out zeros until they enhance. @param {MediaStreamTrack} track */
async function sounding(track) {
  const context = new AudioContext({ sampleRate: RATE });
  const analyser = new AnalyserNode(context, { fftSize: 256 });
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(256);
  while (!samples.some(Boolean)) {
    await new Promise((next) => setTimeout(next, 1));
    analyser.getFloatTimeDomainData(samples);
  }
  await context.close();
}

/** The same promise, or an error that says what never came. @template T @param {Promise<T>} promise @param {string} what @returns {Promise<T>} */
async function within(promise, what) {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`timed out waiting for ${what}`)), PATIENCE));
  return /** @type {Promise<T>} */ (Promise.race([promise, late]));
}

/** Open the track: the clip, over and over. It flows when this resolves. */
async function open() {
  const samples = new Float32Array(await (await fetch('audio.f32')).arrayBuffer());
  const context = new AudioContext({ sampleRate: RATE, latencyHint: 'interactive' });
  const buffer = new AudioBuffer({ length: samples.length, sampleRate: RATE });
  buffer.copyToChannel(samples, 0);
  const source = new AudioBufferSourceNode(context, { buffer, loop: true });
  const destination = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  source.connect(destination);
  source.start();
  [track] = destination.stream.getAudioTracks();
  await within(sounding(track), 'the clip');
}

/** @param {string} system @returns {Promise<number>} ms until its first enhanced frame */
async function start(system) {
  const begun = performance.now();
  started = await SYSTEMS[system](track);
  await within(started.enhanced, `the first enhanced frame of ${system}`);
  return performance.now() - begun;
}

/** Wait until it has settled. @returns {Promise<any>} what the system says of itself, if it says anything */
async function settled() {
  return started.stats && within(started.stats(), 'it to settle');
}

/** Record the track and what the system makes of it on one clock. @param {number} seconds @returns {Promise<string[]>} float32 in base64 */
async function record(seconds) {
  const context = new AudioContext({ sampleRate: RATE });
  await context.audioWorklet.addModule('bench/js/recorder.mjs');
  const recorder = new AudioWorkletNode(context, 'recorder', {
    numberOfInputs: 2, numberOfOutputs: 0, channelCount: 1, channelCountMode: 'explicit', processorOptions: { samples: seconds * RATE },
  });
  const full = new Promise((resolve) => (recorder.port.onmessage = ({ data }) => resolve(data)));
  [track, started.output].forEach((each, i) => context.createMediaStreamSource(new MediaStream([each])).connect(recorder, 0, i));
  const recordings = /** @type {Float32Array[]} */ (await within(full, 'a recording'));
  await context.close();
  return recordings.map(({ buffer }) => new Uint8Array(buffer).toBase64());
}

/**
 * How many quanta an engine plays raw because frames come late.
 *
 * @param {string} engine @param {number | 'auto'} depth @param {number} seconds for which they are counted
 */
async function late(engine, depth, seconds) {
  const [{ PercepNet }, { WORD }] = await Promise.all(
    ['percepnet', 'ring'].map((name) => import(new URL(`site/worklet/${name}.js`, FOLDER).href)),
  );
  const instance = await PercepNet.create({ engine, depth });
  let overloads = 0;
  instance.addEventListener('overload', (/** @type {any} */ { detail }) => (overloads += detail.action === 'wait' ? 0 : 1));
  await instance.processTrack(track);
  const settled = async () => {
    while (!(instance.state === 'ready' && !instance.early && instance.playing === 'enhanced')) await sleep(50);
  };
  await within(settled(), `engine ${engine} to settle`);
  await sleep(1000);
  const count = () => [WORD.QUANTA, WORD.UNDERRUNS].map((word) => instance.ring.load(word));
  const before = count();
  await sleep(1000 * seconds);
  const [quanta, underruns] = count().map((value, i) => value - before[i]);
  const { depth: last, tier } = instance;
  instance.destroy();
  return { quanta, late: underruns, last_depth: last, tier, overloads };
}

/** @param {number} ms */
const sleep = (ms) => new Promise((next) => setTimeout(next, ms));

Object.assign(globalThis, { engines: { open, start, settled, record, late } });
