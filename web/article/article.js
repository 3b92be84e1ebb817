/** The article's page: a clip, its stages to hear, see and score, and the enhancer's source to change. */
import { element, write } from '../dom.js';
import { SAMPLE_RATE } from '../worklet/constants.js';
import { BUNDLED, offerSounds } from './clip.js';
import { Editor } from './editor.js';
import { Fault, Lab, Stopped } from './lab.js';
import { Player } from './player.js';
import { followPointer } from './pointing.js';
import { LONGEST } from './sounds.js';
import { STAGES, figure, showMoment, showPictures, showScores } from './views.js';

/** @typedef {import('./lab.js').Result} Result */
/** @typedef {'original' | 'yours'} Version */

/** ms without a change of the slider after which it counts. */
const SETTLED = 250;
/** ms between drawings of the playhead for those who want little motion. */
const CALM = 500;

const still = matchMedia('(prefers-reduced-motion: reduce)');

const lab = new Lab(({ text, share, bytes }) => {
  // After a stop Python is loaded again, of which nobody needs to hear before it is wanted.
  if (!computing && results.original) return;
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
/** @type {Partial<Record<Version, Result>>} */
const results = {};
/** What is heard and drawn. @type {{stage: string, version: Version}} */
const choice = { stage: 'noisy', version: 'original' };
/** Moment under the pointer, seconds. @type {number | undefined} */
let pointed;
/** The result whose pictures are on the page. @type {Result | undefined} */
let drawn;
/** What has to be computed still. */
const stale = { original: false, yours: false };
/** Whether the visitor asked for a run of changed code, to hear it. */
let wanted = false;
let computing = false;

/** For the console and the tests. */
Object.assign(globalThis, { article: { player, results, choice, lab } });

/** @param {string} text @param {boolean} [alarm] */
function say(text, alarm = false) {
  write('state', text);
  element('state').classList.toggle('alarm', alarm);
}

/** The result to be drawn: a visitor's own if chosen and there. */
function shown() {
  return (choice.version === 'yours' && results.yours) || results.original;
}

// Computing ------------------------------------------------------------------------------------------------------------

/** @param {Version[]} versions that no longer hold */
function refresh(...versions) {
  for (const version of versions) stale[version] = true;
  void compute();
}

/** Compute what is stale, one after the other; changes that come meanwhile are seen to afterwards. */
async function compute() {
  if (computing || !clip.speech || !clip.noise) return;
  computing = true;
  element('stop').hidden = false;
  try {
    while (stale.original || stale.yours) {
      const version = stale.original ? 'original' : 'yours';
      stale[version] = false;
      await computeOne(version);
    }
    if (!element('fault').hidden) say('Your code stopped with an error, shown beside it. The last good sound is kept.', true);
    else say(results.yours ? 'Ready: your version beside the original.' : 'Ready.');
  } catch (error) {
    if (error instanceof Stopped) say('Stopped. The last sound is kept.');
    else say(`${error instanceof Error ? error.message : error}. The last sound is kept.`, true);
  } finally {
    computing = false;
    element('stop').hidden = element('progress').hidden = true;
  }
}

/** @param {Version} version */
async function computeOne(version) {
  const edits = version === 'yours' ? editor.edits : {};
  if (version === 'yours' && Object.keys(edits).length === 0) {
    delete results.yours;
    choice.version = 'original';
    wanted = false;
  } else {
    const request = { clean: copy(clip.speech), noise: copy(clip.noise), snr: element('snr').valueAsNumber, edits };
    try {
      results[version] = await lab.run(request);
      if (version === 'original') delete results.yours; // it was another clip's
      else {
        editor.succeed();
        if (wanted) choice.version = 'yours';
        wanted = false;
      }
    } catch (error) {
      if (!(version === 'yours' && error instanceof Fault)) throw error;
      editor.fail(error.message, error.module, error.line);
      return;
    }
  }
  show();
}

/** @param {Float32Array | undefined} samples */
function copy(samples) {
  return Float32Array.from(samples ?? []);
}

// Showing --------------------------------------------------------------------------------------------------------------

/** Everything anew: sounds, pictures, scores. */
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
  if (results.original) showScores(results.original, results.yours);
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
  const result = shown();
  if (result && result !== drawn) showPictures(result);
  drawn = result;
  showNow();
}

/** The moment that is heard, or pointed at. */
function showNow() {
  const result = shown();
  if (!result) return;
  const { position } = player;
  if (document.activeElement !== element('position') || player.playing) element('position').value = position;
  write('time', `${position.toFixed(1)} s`);
  showMoment(result, pointed ?? position, player.playing);
}

// Playing --------------------------------------------------------------------------------------------------------------

async function togglePlay() {
  if (player.playing) player.pause();
  else await player.play();
  element('play').setAttribute('aria-pressed', String(player.playing));
  element('play').textContent = player.playing ? 'Pause' : 'Play';
  let drawn = 0;
  requestAnimationFrame(function draw(time) {
    if (!still.matches || time - drawn > CALM) {
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

document.addEventListener('keydown', (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (!element('keys').checked || event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.closest('textarea, select, summary')) return;
  const stage = STAGES[Number(event.key)];
  if (event.key >= '0' && stage && results.original) choose(stage);
  else if (event.key === ' ' && !target.closest('button, input, a') && results.original) void togglePlay();
  else if (event.key === 'v' && results.yours) choose(choice.stage, choice.version === 'yours' ? 'original' : 'yours');
  else return;
  event.preventDefault();
});
for (const event of ['resize', 'scroll']) addEventListener(event, () => requestAnimationFrame(showNow), { passive: true });

// The clip -------------------------------------------------------------------------------------------------------------

/** Counts what was chosen. */
const latest = { speech: 0, noise: 0 };

/** @param {'speech' | 'noise'} part @param {() => Promise<Float32Array> | Float32Array} get */
async function change(part, get) {
  const turn = ++latest[part];
  try {
    const samples = await get();
    if (turn !== latest[part]) return; // chosen later, there earlier
    clip[part] = samples;
    refresh('original', 'yours');
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), true);
  }
}

// What plays would be recorded too.
offerSounds(change, say, () => void (player.playing && togglePlay()));

element('snr').addEventListener('input', () => write('snr-value', `${figure(element('snr').valueAsNumber, 0)} dB`));
/** @type {ReturnType<typeof setTimeout>} */
let settling;
element('snr').addEventListener('input', () => {
  clearTimeout(settling);
  settling = setTimeout(() => refresh('original', 'yours'), SETTLED);
});
element('stop').addEventListener('click', () => {
  lab.stop();
  stale.original = stale.yours = false;
});
// The source -----------------------------------------------------------------------------------------------------------

editor.addEventListener('run', (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  if (detail?.listen) choose(detail.listen);
  wanted = true;
  refresh('yours');
});

async function start() {
  write('longest', String(LONGEST));
  void change('noise', BUNDLED.noise);
  void change('speech', BUNDLED.speech);
  try {
    const suggestions = fetch(new URL('./suggestions.json', import.meta.url)).then((response) => response.json());
    editor.fill(await lab.sources(), await suggestions);
    if (Object.keys(editor.edits).length > 0) refresh('yours');
    if (!computing && !results.original) {
      element('progress').hidden = true;
      say('Python is there: choose a sound.');
    }
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}. Reload the page to try again.`, true);
  }
}

void start();
