/** The demo page: what its controls do. */
import { drawAxes } from './axes.js';
import { element, write } from './dom.js';
import { acceptDrops } from './drop.js';
import { clearFacts, showDrawing, showFrame, showLevels } from './facts.js';
import { follow } from './follow.js';
import { actOnKeys } from './keys.js';
import { Drawing, Spectrogram, Thoughts } from './pictures.js';
import { Session } from './session.js';
import { say } from './status.js';
import { canRecord, endTake, isRecording, startTake } from './takes.js';
import { fillTiers } from './tiers.js';

/** The right end of the slider, dB. */
const NO_LIMIT = 42;

/** ms between changes of the figures beside the pictures: slow enough to read. */
const FIGURES_INTERVAL = 500;

/** @type {Session | undefined} */
let session;
/** @type {Drawing | undefined} */
let drawing;
/** @type {File | undefined} */
let file;
/** Whether the loudspeaker is off only because of the microphone. */
let hushed = false;

/** What runs now, for the console and the tests. @type {Record<string, unknown>} */
const demo = {};
Object.assign(globalThis, { demo });

const form = /** @type {HTMLFormElement} */ (element('deck'));
/** @param {string} id @returns {HTMLCanvasElement} */
const canvas = (id) => element(id).querySelector('canvas');

document.querySelectorAll('.screen').forEach((screen) => drawAxes(/** @type {HTMLElement} */ (screen)));
const before = new Spectrogram(canvas('before'));
const after = new Spectrogram(canvas('after'));
const thoughts = new Thoughts({
  gains: canvas('gains'),
  strengths: canvas('strengths'),
  pitch: canvas('pitch'),
  voice: canvas('voice'),
});

/** @param {string} name @returns {any} value of the radio button chosen */
const chosen = (name) => /** @type {RadioNodeList} */ (form.elements.namedItem(name)).value;

/** @returns {number} dB */
function limit() {
  const value = element('limit').valueAsNumber;
  return value >= NO_LIMIT ? Infinity : value;
}

function sayRunning() {
  const quiet = element('listen').checked ? '' : ' Put headphones on and switch the loudspeaker on to hear yourself.';
  say(`Enhancing.${quiet}`, 'running');
}

/** @param {unknown} error */
function sayError(error) {
  say(error instanceof Error ? error.message : String(error), 'trouble');
}

/** Start; whatever fails leaves a message, and what was opened is closed again. */
async function start() {
  const kind = chosen('source');
  if (kind === 'file' && !file) return element('file').click();
  say(kind === 'microphone' ? 'Waiting for the microphone: your browser may ask you.' : 'Starting.', 'loading');
  const options = { attenuationLimit: limit(), model: element('tier').value || undefined };
  const opened = await Session.open(options, element('far-end'));
  try {
    follow(opened, sayRunning);
    opened.percepnet.observe((frame) => thoughts.take(frame));
    await opened.play(kind, file, microphoneGone);
    await opened.enhance().catch(() => {}); // a fallback has told why
    await opened.setCall(element('call').checked);
  } catch (error) {
    opened.close();
    throw error;
  }
  session = opened;
  const { sound, percepnet } = opened;
  hush(kind);
  opened.loud = element('listen').checked;
  sound.hear(chosen('ear'));
  before.attach(sound.dry);
  after.attach(sound.wet);
  thoughts.clear();
  element('screens').classList.remove('empty');
  drawing = new Drawing(sound.context, [before, after, thoughts]);
  drawing.frozen = element('freeze').getAttribute('aria-pressed') === 'true';
  Object.assign(demo, { session, percepnet, sound, before, after, thoughts });
}

async function stop() {
  await endTake();
  drawing?.stop();
  session?.close();
  session = drawing = undefined;
  for (const name of Object.keys(demo)) delete demo[name];
  clearFacts();
  showFrame(undefined);
  clearFacts(['before-level', 'after-level', 'playing'], '');
  say('Stopped.');
}

function microphoneGone() {
  void stop().then(() => {
    showSession();
    say('The microphone has gone: plug it in and press Start again, or try the noisy clip.', 'trouble');
  });
}

/** A microphone beside an open loudspeaker howls. @param {string} kind */
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

function showSession() {
  write('start', session ? 'Stop' : 'Start');
  element('record').disabled = !session || !canRecord();
}

let busy = false;
/** One thing at a time. @param {() => Promise<void> | void} work */
async function act(work) {
  if (busy) return;
  busy = true;
  element('start').disabled = true;
  try {
    await work();
  } catch (error) {
    sayError(error);
  }
  busy = false;
  element('start').disabled = false;
  showSession();
}

/** Play a file, or go on as before if it cannot be played. @param {File} picked */
function take(picked) {
  const [lastKind, lastFile] = [chosen('source'), file];
  void act(async () => {
    file = picked;
    show('file');
    try {
      await (session ? changeSource() : start());
    } catch (error) {
      file = lastFile;
      show(lastKind);
      throw error;
    }
  });
}

/** @param {string} kind of source that is chosen */
function show(kind) {
  for (const radio of /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll('[name=source]'))) {
    radio.checked = radio.value === kind;
  }
  element('choose').hidden = kind !== 'file';
  write('file-label', file?.name ?? 'Your file');
}

/** Go over to the source chosen, while it runs. */
async function changeSource() {
  const kind = chosen('source');
  show(kind);
  if (!session || (kind === 'file' && !file)) return;
  try {
    await session.play(kind, file, microphoneGone);
  } catch (error) {
    show(session.kind);
    throw error;
  }
  hush(kind);
  session.loud = element('listen').checked;
  if (session.percepnet.state === 'ready') sayRunning();
}

/** @param {Session} running @param {string} tier */
async function changeModel({ percepnet }, tier) {
  try {
    await percepnet.setModel(tier);
    sayRunning();
  } catch (error) {
    element('tier').value = percepnet.tier ?? element('tier').value;
    say('That model did not load; the last one works on.', 'trouble', { reason: String(error) });
  }
}

/** @param {string} id @param {string} type @param {() => void} listener */
const when = (id, type, listener) => element(id).addEventListener(type, listener);

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void act(() => (session ? stop() : start()));
});

form.addEventListener('change', ({ target }) => {
  const { name } = /** @type {HTMLInputElement} */ (target);
  if (name === 'source') void act(changeSource);
  if (name === 'ear') session?.sound.hear(chosen('ear'));
});

when('limit', 'input', () => {
  const text = limit() === Infinity ? 'no limit' : `${limit()} dB`;
  write('limit-value', text);
  element('limit').setAttribute('aria-valuetext', text);
  if (session) session.percepnet.attenuationLimit = limit();
});

when('listen', 'change', () => {
  hushed = false;
  if (session) session.loud = element('listen').checked;
  if (session?.percepnet.state === 'ready') sayRunning();
});

when('call', 'change', () => void session?.setCall(element('call').checked).catch(sayError));

when('tier', 'change', () => {
  if (session) void changeModel(session, element('tier').value);
});

when('restart', 'click', () => {
  say('Starting the enhancer again. You hear the raw sound meanwhile.', 'loading');
  void session?.restart().catch(() => {});
});

when('freeze', 'click', () => {
  const frozen = element('freeze').getAttribute('aria-pressed') !== 'true';
  element('freeze').setAttribute('aria-pressed', String(frozen));
  if (drawing) drawing.frozen = frozen;
});

when('record', 'click', () => {
  if (isRecording()) void endTake();
  else if (session) void startTake(session.sound.dry, session.sound.wet).catch(sayError);
});

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
  if (!session || !drawing) return;
  showDrawing(drawing.account());
  if (drawing.frozen) return;
  showLevels({ before: before.level(), after: after.level() });
  showFrame(thoughts.present());
}, FIGURES_INTERVAL);

void fillTiers(element('tier'));
void changeSource();
// Until here a click would have submitted the form and reloaded the page.
element('start').disabled = false;
