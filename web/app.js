/** The page: a source, the enhancer, a call, and what there is to see of them. */
import { PercepNet } from './worklet/percepnet.js';
import { loopback } from './call.js';
import { openClip, openMicrophone } from './sources.js';
import { View } from './view.js';

const STAGES = /** @type {const} */ ({
  runtime: 'loading Python',
  packages: 'loading NumPy and the enhancer',
  model: 'loading the model',
  'warm-up': 'warming up',
});

const PLAYING = /** @type {Record<string, string>} */ ({
  waiting: 'raw, until the enhancer is warm',
  enhanced: 'enhanced',
  starved: 'raw, the machine does not keep up',
  resting: 'raw, switched off or muted',
});

/** The right end of the slider. */
const NO_LIMIT = 42;

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);

/** @type {{close: () => void} | undefined} what runs now */
let session;

/** What runs now, for the console and the tests. @type {Record<string, unknown>} */
const demo = {};
Object.assign(globalThis, { demo });

/** @param {string} text @param {boolean} [alarm] */
function say(text, alarm = false) {
  element('state').textContent = text;
  element('state').classList.toggle('alarm', alarm);
}

/** @param {string} stage @param {number} bytes */
function sayProgress(stage, bytes) {
  const names = Object.keys(STAGES);
  const done = bytes > 0 ? ` (${(bytes / 1e6).toFixed(1)} MB so far)` : '';
  element('progress').hidden = false;
  element('progress').value = 1 + names.indexOf(stage);
  say(`You hear the raw sound; ${STAGES[/** @type {keyof typeof STAGES} */ (stage)]}${done} …`);
}

/** @returns {number} dB */
function limit() {
  const value = element('limit').valueAsNumber;
  return value >= NO_LIMIT ? Infinity : value;
}

/** @param {any} stats */
function showStats(stats) {
  element('latency').textContent = `${stats.latency} ms`;
  element('load').textContent = `${(100 * stats.load).toFixed(0)} %`;
  element('compute').textContent = `${stats.computeP50.toFixed(1)} / ${stats.computeP99.toFixed(1)} ms`;
  element('late').textContent = stats.quanta ? `${((100 * stats.underruns) / stats.quanta).toFixed(1)} %` : '–';
  element('voice').textContent = `${(100 * stats.voiceActivity).toFixed(0)} %`;
  element('transport').textContent = stats.transport === 'shared' ? 'shared memory' : 'messages';
}

/** @param {PercepNet} percepnet */
function listen(percepnet) {
  /** @type {(type: string, show: (detail: any) => void) => void} */
  const on = (type, show) => percepnet.addEventListener(type, (event) => show(/** @type {CustomEvent} */ (event).detail));
  on('progress', ({ stage, bytes }) => sayProgress(stage, bytes));
  on('ready', () => {
    element('progress').hidden = true;
    say('Enhancing.');
  });
  on('fallback', ({ message }) => {
    element('progress').hidden = true;
    say(`You hear the raw sound. ${message}`, true);
  });
  on('overload', () => say('This machine does not keep up; some of the sound is raw.', true));
  on('error', ({ message }) => say(`${message}.`, true));
  on('playing', ({ state }) => {
    element('playing').textContent = PLAYING[state];
    if (state === 'enhanced' && percepnet.state === 'ready') say('Enhancing.');
    if (state === 'resting') say('Switched off or muted: you hear the raw sound, at the same delay.');
  });
  on('stats', showStats);
}

/** Start everything; whatever fails leaves a message and what was opened is closed again. */
async function start() {
  /** @type {(() => void)[]} */
  const closers = [];
  const close = () => closers.reverse().forEach((closer) => closer());
  try {
    const context = new AudioContext();
    closers.push(() => void context.close());
    const source = element('form').elements.source.value === 'clip'
      ? await openClip(context, 'clips/noisy.wav')
      : await openMicrophone();
    closers.push(source.stop);
    const percepnet = await PercepNet.create({ enabled: element('enabled').checked, attenuationLimit: limit() });
    closers.push(() => percepnet.destroy());
    listen(percepnet);
    const clean = await percepnet.processTrack(source.track);
    const call = await loopback(clean);
    closers.push(call.close);
    element('far-end').srcObject = call.stream;
    closers.push(() => (element('far-end').srcObject = null));
    closers.push(watch(context, { before: new MediaStream([source.track]), after: call.stream }));
    Object.assign(demo, { percepnet, source, clean, far: call.stream });
    session = { close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Meters and spectrograms. @param {AudioContext} context @param {Record<string, MediaStream>} streams @returns {() => void} */
function watch(context, streams) {
  const views = Object.entries(streams).map(
    ([name, stream]) =>
      new View(context, stream, {
        meter: element(name),
        value: element(`${name}-value`),
        canvas: element(`${name}-spectrogram`),
      }),
  );
  let frame = requestAnimationFrame(function draw(time) {
    for (const view of views) view.update(time);
    frame = requestAnimationFrame(draw);
  });
  return () => {
    cancelAnimationFrame(frame);
    for (const view of views) view.close();
  };
}

function stop() {
  session?.close();
  session = undefined;
  for (const name of Object.keys(demo)) delete demo[name];
  element('progress').hidden = true;
  say('Stopped.');
}

element('form').addEventListener('submit', async (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  const button = element('start');
  button.disabled = true;
  try {
    if (session) stop();
    else await start();
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), true);
  }
  button.disabled = false;
  button.textContent = session ? 'Stop' : 'Start';
  element('sources').disabled = Boolean(session);
});

/** @returns {PercepNet | undefined} */
const running = () => /** @type {PercepNet | undefined} */ (demo.percepnet);

element('enabled').addEventListener('change', () => {
  const percepnet = running();
  if (percepnet) percepnet.enabled = element('enabled').checked;
});

element('limit').addEventListener('input', () => {
  element('limit-value').textContent = limit() === Infinity ? 'no limit' : `${limit()} dB`;
  const percepnet = running();
  if (percepnet) percepnet.attenuationLimit = limit();
});

element('audible').addEventListener('change', () => {
  element('far-end').muted = !element('audible').checked;
});

document.addEventListener('keydown', (event) => {
  if (event.key === 'e' && !event.ctrlKey && !event.metaKey && !event.altKey) element('enabled').click();
});

// Until here a click would have submitted the form and reloaded the page.
element('start').disabled = false;
