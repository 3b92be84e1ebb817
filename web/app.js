/** The demo page: what its controls do. */
import { readSound } from './audio-files.js';
import { drawAxes } from './axes.js';
import { element, write } from './dom.js';
import { acceptDrops } from './drop.js';
import { clearFacts, showDrawing, showFrame, showLevels } from './facts.js';
import { follow } from './follow.js';
import { actOnKeys } from './keys.js';
import { limit, offerLimit } from './limit.js';
import { testMicrophone } from './microphone-test.js';
import { Decisions, Drawing, Spectrogram } from './pictures.js';
import { FIRST, fetchSample, offerSamples } from './samples.js';
import { Session } from './session.js';
import { loopSource, microphoneSource } from './sources.js';
import { meanwhile, say } from './status.js';
import { canRecord, endTake, isRecording, startTake } from './takes.js';
import { fillTiers } from './tiers.js';

/** ms between updates of the figures beside the pictures: slow enough to read. */
const FIGURES_INTERVAL = 500;

/** One for the life of the page; replaced only if it was stopped before it had loaded. @type {Session | undefined} */
let session;
/** @type {Drawing | undefined} */
let drawing;
/** @type {File | undefined} */
let file;
/** Whether the loudspeaker is off only because of the microphone. */
let hushed = false;

const narrow = matchMedia('(max-width: 48rem)');
const still = matchMedia('(prefers-reduced-motion: reduce)');

/** What is playing, for the console and the tests. @type {Record<string, unknown>} */
const demo = {};
Object.assign(globalThis, { demo });

const form = /** @type {HTMLFormElement} */ (element('deck'));
/** @param {string} id @returns {HTMLCanvasElement} */
const canvas = (id) => element(id).querySelector('canvas');

document.querySelectorAll('.screen').forEach((screen) => drawAxes(/** @type {HTMLElement} */ (screen)));
const before = new Spectrogram(canvas('before'));
const after = new Spectrogram(canvas('after'));
const decisions = new Decisions({
  gains: canvas('gains'),
  strengths: canvas('strengths'),
  pitch: canvas('pitch'),
  voice: canvas('voice'),
});

/** @param {string} name @returns {any} value of the radio button chosen */
const chosen = (name) => /** @type {RadioNodeList | null} */ (form.elements.namedItem(name))?.value;

function sayRunning() {
  const quiet = element('listen').checked ? '' : ' To hear yourself, put on headphones and turn the loudspeaker on.';
  say(`Enhancing.${quiet}`, 'running');
}

/** @param {unknown} error */
function sayError(error) {
  say(error instanceof Error ? error.message : String(error), 'trouble');
}

/** Opens the chosen source. @param {string} kind @returns {(context: AudioContext) => Promise<import('./sources.js').Source>} */
function opener(kind) {
  if (kind === 'microphone') return (context) => microphoneSource(context, microphoneGone);
  const picked = kind === 'file' ? file : undefined;
  const sample = chosen('sample') || FIRST;
  return async (context) => loopSource(context, await (picked ? readSound(picked) : fetchSample(sample)));
}

/** Start; any failure leaves a message. The sound comes first, then the enhancer. */
async function start() {
  const kind = chosen('source');
  if (kind === 'file' && !file) return element('file').click();
  say(kind === 'microphone' ? 'Waiting for the microphone: your browser may ask for permission.' : 'Loading the sound.', 'loading');
  const current = (session ??= Session.open(element('far-end')));
  try {
    await current.play(kind, opener(kind));
  } catch (error) {
    if (!current.percepnet) close(current);
    throw error;
  }
  show();
  revealPictures();
  const options = { attenuationLimit: limit(), model: element('tier').value || undefined };
  if (current.percepnet?.state === 'ready') sayRunning();
  else say(`Loading the enhancer.${meanwhile(current.heard)}`, 'loading');
  await current.enhance(options, (percepnet) => {
    follow(current, percepnet, sayRunning);
    percepnet.observe((frame) => decisions.take(frame));
    demo.percepnet = percepnet;
  }).catch(() => {}); // the event `fallback` has said why
  await current.setCall(element('call').checked);
}

/** The chosen source is playing: play and draw it. */
function show() {
  const { sound, percepnet, kind } = /** @type {Session} */ (session);
  hush(kind);
  sound.hear(chosen('ear'));
  /** @type {Session} */ (session).loud = element('listen').checked;
  before.attach(sound.dry);
  after.attach(sound.wet);
  decisions.clear();
  element('screens').classList.remove('empty');
  drawing = new Drawing(sound.context, [before, after, decisions]);
  drawing.frozen = element('freeze').getAttribute('aria-pressed') === 'true';
  Object.assign(demo, { session, percepnet, sound, before, after, decisions });
}

/** On a phone the pictures are further down than the screen reaches. */
function revealPictures() {
  if (narrow.matches) element('start').scrollIntoView({ behavior: still.matches ? 'auto' : 'smooth', block: 'start' });
}

async function stop() {
  await endTake();
  drawing?.stop();
  // What has not loaded yet is given up, so that Stop also stops the download.
  if (session && session.percepnet?.state === 'loading') close(session);
  session?.stop();
  drawing = undefined;
  for (const name of Object.keys(demo)) delete demo[name];
  clearFacts();
  showFrame(undefined);
  clearFacts(['before-level', 'after-level', 'playing', 'call-facts'], '');
  say('Stopped.');
}

/** @param {Session} ended */
function close(ended) {
  ended.close();
  session = undefined;
}

function microphoneGone() {
  void stop().then(() => {
    showButtons();
    say('The microphone was disconnected. Connect it and press Start again, or use a sample.', 'trouble');
  });
}

/** A microphone next to a loudspeaker howls. @param {string} kind */
function hush(kind) {
  const listen = element('listen');
  if (kind === 'microphone' && listen.checked) {
    hushed = true;
    listen.checked = false;
  } else if (kind !== 'microphone' && hushed) {
    hushed = false;
    listen.checked = true;
  }
}

function showButtons() {
  write('start', session?.playing ? 'Stop' : 'Start');
  element('record').disabled = !session?.playing || !canRecord();
  element('test').disabled = busy || !canRecord();
}

let busy = false;
/** Whether another source has been chosen in the meantime. */
let changed = false;
/** One thing at a time. @param {() => Promise<void> | void} work */
async function act(work) {
  if (busy) return;
  busy = true;
  element('start').disabled = element('test').disabled = true;
  try {
    do {
      changed = false;
      await work();
      work = changeSource;
    } while (changed);
  } catch (error) {
    sayError(error);
  }
  busy = changed = false;
  element('start').disabled = false;
  showButtons();
}

/** Play a file; if it cannot be played, change nothing. @param {File} picked */
function take(picked) {
  const [lastKind, lastFile] = [chosen('source'), file];
  void act(async () => {
    file = picked;
    choose('file');
    try {
      await (session?.playing ? changeSource() : start());
    } catch (error) {
      file = lastFile;
      choose(lastKind);
      throw error;
    }
  });
}

/** @param {string} kind of source that is chosen */
function choose(kind) {
  for (const radio of /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll('[name=source]'))) {
    radio.checked = radio.value === kind;
  }
  element('choose').hidden = kind !== 'file';
  element('samples').hidden = kind !== 'sample';
  write('file-label', file?.name ?? 'Your file');
}

/** Switch to the chosen source while another is playing. */
async function changeSource() {
  const kind = chosen('source');
  choose(kind);
  if (!session?.playing || (kind === 'file' && !file)) return;
  try {
    await session.play(kind, opener(kind));
  } catch (error) {
    choose(session.kind);
    throw error;
  }
  hush(kind);
  session.loud = element('listen').checked;
  if (session.percepnet?.state === 'ready') sayRunning();
}

/** Start with the microphone if necessary, wait for the enhancer, and record five seconds. */
async function test() {
  choose('microphone');
  await (session?.playing ? changeSource() : start());
  const { percepnet } = session ?? {};
  if (!session?.microphone || !percepnet) return;
  write('test-state', 'Waiting for the enhancer.');
  // While Python loads, another program may already be enhancing: that is the sound to test, and it is there sooner.
  const pending = () => percepnet.state === 'loading' || (percepnet.state === 'ready' && percepnet.playing === 'waiting');
  while (percepnet.playing !== 'enhanced' && pending()) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await testMicrophone(session, stop);
}

/** @param {import('./worklet/percepnet.js').PercepNet} percepnet @param {string} tier */
async function changeModel(percepnet, tier) {
  try {
    await percepnet.setModel(tier);
    if (session?.playing) sayRunning();
  } catch (error) {
    element('tier').value = percepnet.tier ?? element('tier').value;
    say('That model did not load; the previous one is still running.', 'trouble', { reason: String(error) });
  }
}

/** @param {string} id @param {string} type @param {() => void} listener */
const when = (id, type, listener) => element(id).addEventListener(type, listener);

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void act(() => (session?.playing ? stop() : start()));
});

form.addEventListener('change', ({ target }) => {
  const { name } = /** @type {HTMLInputElement} */ (target);
  if (name === 'source' || name === 'sample') {
    changed = busy;
    void act(changeSource);
  }
  if (name === 'ear') session?.sound.hear(chosen('ear'));
});

offerLimit((decibels) => {
  if (session?.percepnet) session.percepnet.attenuationLimit = decibels;
});

when('listen', 'change', () => {
  hushed = false;
  if (!session?.playing) return;
  session.loud = element('listen').checked;
  if (session.percepnet?.state === 'ready') sayRunning();
});

when('call', 'change', () => {
  write('call-facts', '');
  if (session?.playing) void session.setCall(element('call').checked).catch(sayError);
});

when('tier', 'change', () => {
  if (session?.percepnet) void changeModel(session.percepnet, element('tier').value);
});

when('restart', 'click', () => {
  say(`Starting the enhancer again.${meanwhile(session?.heard ?? false)}`, 'loading');
  void session?.restart().catch(() => {});
});

when('freeze', 'click', () => {
  const frozen = element('freeze').getAttribute('aria-pressed') !== 'true';
  element('freeze').setAttribute('aria-pressed', String(frozen));
  if (drawing) drawing.frozen = frozen;
});

when('record', 'click', () => {
  if (isRecording()) void endTake();
  else if (session?.playing) void startTake(session.sound.dry, session.sound.wet).catch(sayError);
});

when('test', 'click', () => void act(test));

when('choose', 'click', () => element('file').click());
when('file', 'change', () => {
  const [picked] = element('file').files;
  if (picked) take(picked);
});
acceptDrops(element('drop'), take);

actOnKeys({
  s: () => element('start').click(),
  r: () => element('record').click(),
  f: () => element('freeze').click(),
  b: () => /** @type {HTMLInputElement} */ (form.querySelector('[name=ear]:not(:checked)')).click(),
});

setInterval(() => {
  if (!session?.playing || !drawing) return;
  void session.call?.describe().then((text) => session?.call && write('call-facts', text));
  showDrawing(drawing.account());
  if (drawing.frozen) return;
  showLevels({ before: before.level(), after: after.level() });
  showFrame(decisions.present());
}, FIGURES_INTERVAL);

element('settings').open = !narrow.matches;
void fillTiers(element('tier'));
void offerSamples().catch(() => {}); // the first sample can be heard without the list
choose(chosen('source'));
// Until here a click would have submitted the form and reloaded the page.
element('start').disabled = false;
showButtons();
