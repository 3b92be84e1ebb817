/** The article's page: a clip whose stages can be heard, seen and scored, and the enhancer's source to edit. */
import { element, write } from '../dom.js';
import { actOnKeys } from '../keys.js';
import { SAMPLE_RATE } from '../worklet/constants.js';
import { BUNDLED, offerSounds } from './clip.js';
import { Computing } from './computing.js';
import { Editor } from './editor.js';
import { Lab } from './lab.js';
import { Player } from './player.js';
import { followPointer } from './pointing.js';
import { LONGEST } from './sounds.js';
import { STAGES, figure, showMoment, showPictures, showScores, exampleMoment } from './views.js';

/** @typedef {import('./lab.js').Result} Result */
/** @typedef {import('./computing.js').Version} Version */

/** ms after the last change of the slider until it takes effect. */
const DEBOUNCE = 250;
/** ms between drawings of the playhead for visitors who prefer little motion. */
const REDUCED_MOTION_INTERVAL = 500;

const still = matchMedia('(prefers-reduced-motion: reduce)');

const lab = new Lab(({ text, share, bytes }) => {
  // After a stop Python is reloaded, which need not be shown until there is something to compute.
  if (!computing.running && results.original) return;
  const bar = element('progress');
  bar.hidden = false;
  if (share === undefined) bar.removeAttribute('value');
  else bar.value = share;
  say(`${text}${bytes ? ` (${(bytes / 1e6).toFixed(1)} MB so far)` : ''} …`);
});
const player = new Player(SAMPLE_RATE);
const editor = new Editor();

/** @type {{speech?: Float32Array, noise?: Float32Array}} */
const clip = {};
/** What is heard and drawn. @type {{stage: string, version: Version}} */
const choice = { stage: 'noisy', version: 'original' };
/** Moment under the pointer, seconds. @type {number | undefined} */
let pointed;
/** The result whose pictures are on the page. @type {Result | undefined} */
let drawn;

const computing = new Computing(lab, editor, {
  clip() {
    if (!clip.speech || !clip.noise) return undefined;
    // Copies: the worker takes them over.
    return { clean: clip.speech.slice(), noise: clip.noise.slice(), snr: element('snr').valueAsNumber };
  },
  computed(version) {
    if (version) choice.version = version;
    show();
  },
  running(on) {
    element('stop').hidden = !on;
    if (!on) element('progress').hidden = true;
  },
  say,
});
const { results } = computing;

/** For the console and the tests. */
Object.assign(globalThis, { article: { player, results, choice, lab } });

/** @param {string} text @param {boolean} [alarm] */
function say(text, alarm = false) {
  write('state', text);
  element('state').classList.toggle('alarm', alarm);
}

/** The result to draw: the visitor's own, if chosen and computed. */
function shown() {
  return (choice.version === 'yours' && results.yours) || results.original;
}

// Showing --------------------------------------------------------------------------------------------------------------

/** Redo everything: sounds, pictures, scores. */
function show() {
  /** @type {Record<string, Float32Array>} */
  const sounds = {};
  for (const [version, result] of Object.entries(results)) {
    for (const stage of STAGES) sounds[`${version} ${stage}`] = result.stages[stage].samples;
  }
  player.load(sounds);
  element('position').max = player.duration;
  element('versions').hidden = !results.yours;
  for (const button of document.querySelectorAll('button[data-hear], #play')) {
    /** @type {HTMLButtonElement} */ (button).disabled = false;
  }
  choose(choice.stage, choice.version);
}

/** @param {string} stage @param {Version} [version] */
function choose(stage, version = choice.version) {
  Object.assign(choice, { stage, version });
  player.choose(`${results[version] ? version : 'original'} ${stage}`);
  for (const [name, value] of Object.entries(choice)) {
    const input = document.querySelector(`input[name=${name}][value='${value}']`);
    if (input) /** @type {HTMLInputElement} */ (input).checked = true;
  }
  for (const section of document.querySelectorAll('[data-stage]')) {
    section.classList.toggle('heard', /** @type {HTMLElement} */ (section).dataset.stage === stage);
  }
  if (results.original) showScores(results.original, results.yours, version);
  const result = shown();
  if (result && result !== drawn) showPictures(result);
  drawn = result;
  showNow();
}

/** Show the moment being heard or pointed at; before anything was played, one at which there is something to see. */
function showNow() {
  const result = shown();
  if (!result) return;
  const { position } = player;
  if (document.activeElement !== element('position') || player.playing) element('position').value = position;
  write('time', `${position.toFixed(1)} s`);
  showMoment(result, pointed ?? (position || player.playing ? position : exampleMoment(result)), player.playing);
}

// Playing --------------------------------------------------------------------------------------------------------------

async function togglePlay() {
  if (player.playing) player.pause();
  else await player.play();
  element('play').setAttribute('aria-pressed', String(player.playing));
  element('play').textContent = player.playing ? 'Pause' : 'Play';
  let drawn = 0;
  requestAnimationFrame(function draw(time) {
    if (!still.matches || time - drawn > REDUCED_MOTION_INTERVAL) {
      showNow();
      drawn = time;
    }
    if (player.playing) requestAnimationFrame(draw);
  });
}

element('play').addEventListener('click', () => void togglePlay());
element('position').addEventListener('input', () => {
  player.seek(element('position').valueAsNumber);
  showNow();
});
for (const name of ['stage', 'version']) {
  for (const input of document.querySelectorAll(`input[name=${name}]`)) {
    input.addEventListener('change', () => {
      const { value } = /** @type {HTMLInputElement} */ (input);
      if (name === 'stage') choose(value);
      else choose(choice.stage, /** @type {Version} */ (value));
    });
  }
}
for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('button[data-hear]'))) {
  button.addEventListener('click', () => {
    choose(button.dataset.hear ?? 'noisy');
    if (!player.playing) void togglePlay();
  });
}
for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('button[data-open]'))) {
  button.addEventListener('click', () => {
    editor.open(button.dataset.open ?? 'signal.postfilter');
    element('open').scrollIntoView({ behavior: still.matches ? 'auto' : 'smooth' });
    element('code').focus({ preventScroll: true });
  });
}
followPointer(
  () => player.duration,
  (moment) => {
    pointed = moment;
    showNow();
  },
  (moment) => {
    player.seek(moment);
    pointed = undefined;
    showNow();
  },
);

actOnKeys({
  ...Object.fromEntries(STAGES.map((stage, digit) => [String(digit), () => Boolean(results.original) && choose(stage)])),
  ' ': () => Boolean(results.original) && void togglePlay(),
  v: () => Boolean(results.yours) && choose(choice.stage, choice.version === 'yours' ? 'original' : 'yours'),
});
for (const event of ['resize', 'scroll']) addEventListener(event, () => requestAnimationFrame(showNow), { passive: true });

// The clip -------------------------------------------------------------------------------------------------------------

/** How often speech and noise have been chosen. */
const latest = { speech: 0, noise: 0 };

/** @param {'speech' | 'noise'} part @param {() => Promise<Float32Array> | Float32Array} get */
async function change(part, get) {
  const turn = ++latest[part];
  try {
    const samples = await get();
    if (turn !== latest[part]) return; // something was chosen since
    clip[part] = samples;
    computing.renew();
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), true);
  }
}

// Otherwise what is playing would be recorded too.
offerSounds(change, say, () => void (player.playing && togglePlay()));

element('snr').addEventListener('input', () => write('snr-value', `${figure(element('snr').valueAsNumber, 0)} dB`));
/** @type {ReturnType<typeof setTimeout>} */
let settling;
element('snr').addEventListener('input', () => {
  clearTimeout(settling);
  settling = setTimeout(() => computing.renew(), DEBOUNCE);
});
element('stop').addEventListener('click', () => computing.stop());

// The source -----------------------------------------------------------------------------------------------------------

editor.addEventListener('run', (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  if (detail?.listen) choose(detail.listen);
  computing.rerun(true);
});

async function start() {
  write('longest', String(LONGEST));
  void change('noise', BUNDLED.noise);
  void change('speech', BUNDLED.speech);
  try {
    const suggestions = fetch(new URL('./suggestions.json', import.meta.url)).then((response) => response.json());
    editor.fill(await lab.sources(), await suggestions);
    if (Object.keys(editor.edits).length > 0) computing.rerun(false);
    if (!computing.running && !results.original) {
      element('progress').hidden = true;
      say('Python is ready: choose a sound.');
    }
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}. Reload the page to try again.`, true);
  }
}

void start();
