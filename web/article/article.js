/** The article's page: a clip, its stages to hear, see and score, and the enhancer's source to change. */
import { element, write } from '../dom.js';
import { SAMPLE_RATE } from '../worklet/constants.js';
import { paintBars, paintComb, paintMap, paintSpectrogram } from './drawing.js';
import { Editor } from './editor.js';
import { Fault, Lab, Stopped } from './lab.js';
import { Player } from './player.js';
import { LONGEST, fetchSound, readSound, recordSound, whiteNoise } from './sounds.js';

/** @typedef {import('./lab.js').Result} Result */
/** @typedef {'original' | 'yours'} Version */

const STAGES = ['noisy', '1-magnitudes', '2-gains', '3-comb', '4-postfilter', 'network', 'clean'];

/** ms without a change of the slider after which it counts. */
const SETTLED = 250;
/** ms between drawings of the playhead for those who want little motion. */
const CALM = 500;

const still = matchMedia('(prefers-reduced-motion: reduce)');

const lab = new Lab(({ text, share, bytes }) => {
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
/** What has to be computed still. */
const stale = { original: false, yours: false };
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
    if (results.original && element('fault').hidden) say(results.yours ? 'Ready: your version is compared with the original.' : 'Ready.');
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
  } else {
    const request = { clean: copy(clip.speech), noise: copy(clip.noise), snr: element('snr').valueAsNumber, edits };
    try {
      results[version] = await lab.run(request);
      if (version === 'yours') {
        editor.succeed();
        choice.version = 'yours';
      }
    } catch (error) {
      if (!(version === 'yours' && error instanceof Fault)) throw error;
      editor.fail(error.message, error.module, error.line);
      say('Your code stopped with an error, shown beside it. The last good sound is kept.', true);
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
  showScores();
  choose(choice.stage, choice.version);
}

/** @param {string} stage @param {Version} [version] */
function choose(stage, version = choice.version) {
  const drawn = choice.version === version && element('pictures').dataset.drawn;
  Object.assign(choice, { stage, version });
  player.choose(`${results[version] ? version : 'original'} ${stage}`);
  for (const [name, value] of Object.entries(choice)) {
    const input = document.querySelector(`input[name=${name}][value='${value}']`);
    if (input) /** @type {HTMLInputElement} */ (input).checked = true;
  }
  for (const section of document.querySelectorAll('[data-stage]')) {
    section.classList.toggle('heard', /** @type {HTMLElement} */ (section).dataset.stage === stage);
  }
  if (!drawn || drawn !== stamp()) showPictures();
  showMoment();
}

/** Tells whether the pictures are those of the result shown. */
function stamp() {
  return `${choice.version} ${shown()?.stages.noisy.stoi} ${shown()?.stages.network.si_sdr} ${shown()?.stages['3-comb'].si_sdr}`;
}

function showPictures() {
  const result = shown();
  if (!result) return;
  for (const canvas of /** @type {NodeListOf<HTMLCanvasElement>} */ (document.querySelectorAll('canvas[data-picture]'))) {
    const stage = result.stages[canvas.dataset.picture ?? ''];
    paintSpectrogram(canvas, stage.picture, result.frames, result.rows);
  }
  for (const canvas of /** @type {NodeListOf<HTMLCanvasElement>} */ (document.querySelectorAll('canvas[data-map]'))) {
    paintMap(canvas, result.maps[canvas.dataset.map ?? ''], result.frames, result.bands);
  }
  element('pictures').dataset.drawn = stamp();
}

/** @param {number | null | undefined} value @param {number} digits @param {boolean} [sign] */
function figure(value, digits, sign = false) {
  if (value === undefined || value === null) return '–';
  return `${sign && value >= 0 ? '+' : ''}${value.toFixed(digits)}`.replace('-', '−');
}

function showScores() {
  const { original, yours } = results;
  if (!original) return;
  element('scores').classList.toggle('compared', Boolean(yours));
  STAGES.forEach((name, k) => {
    const stage = original.stages[name];
    const own = yours?.stages[name];
    const cells = [stage.si_sdr, own?.si_sdr, stage.stoi, own?.stoi];
    const row = document.querySelector(`#scores tr[data-row='${name}']`);
    row?.querySelectorAll('td').forEach((cell, i) => {
      cell.textContent = figure(cells[i], i < 2 ? 1 : 3);
      cell.classList.toggle('changed', i % 2 === 1 && own !== undefined && figure(cells[i], 3) !== figure(cells[i - 1], 3));
    });
    const line = document.querySelector(`[data-scores='${name}']`);
    if (!line) return;
    const before = k > 0 ? original.stages[STAGES[k - 1]] : undefined;
    const step = (/** @type {'si_sdr' | 'stoi'} */ score, /** @type {number} */ digits) => {
      const [now, then] = [stage[score], before?.[score]];
      const change = now != null && then != null ? ` (${figure(now - then, digits, true)})` : '';
      return `${figure(now, digits)}${change}`;
    };
    line.textContent = `SI-SDR ${step('si_sdr', 1)} dB, STOI ${step('stoi', 3)}`;
  });
}

/** What belongs to one moment: playheads, bars, the comb. */
function showMoment() {
  const result = shown();
  const { duration } = player;
  if (!result || !duration) return;
  const moment = pointed ?? player.position;
  for (const head of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('.playhead'))) {
    head.style.left = `${(100 * moment) / duration}%`;
  }
  if (document.activeElement !== element('position') || player.playing) element('position').value = player.position;
  write('time', `${player.position.toFixed(1)} s`);
  const frame = Math.min(Math.round((moment * result.rate) / result.hop), result.frames - 1);
  const bands = (/** @type {string | undefined} */ name) =>
    name ? result.maps[name].subarray(frame * result.bands, (frame + 1) * result.bands) : undefined;
  for (const canvas of /** @type {NodeListOf<HTMLCanvasElement>} */ (document.querySelectorAll('canvas[data-front]'))) {
    if (visible(canvas)) paintBars(canvas, { back: bands(canvas.dataset.back), front: bands(canvas.dataset.front) });
  }
  showComb(result, frame);
}

/** @param {Result} result @param {number} frame */
function showComb(result, frame) {
  const canvas = element('comb');
  if (!visible(canvas)) return;
  const [period, future, correlation] = [result.period[frame], result.future[frame], result.correlation[frame]];
  const voiced = correlation >= result.voiced;
  const taps = result.taps[Math.min(future, result.taps.length - 1)];
  paintComb(canvas, { taps, period, rate: result.rate, voiced });
  const pitch = `${Math.round(result.rate / period)} Hz, a period of ${period} samples`;
  const past = taps.length - 1 - future;
  const now = voiced
    ? `Pitch ${pitch}; ${past} copies from the past, ${future} from the future`
    : 'No voice with a pitch here: the strengths are low, the comb stays out';
  write('pitch', now);
}

/** @param {Element} target */
function visible(target) {
  const { top, bottom } = target.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
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
      showMoment();
      drawn = time;
    }
    if (player.playing) requestAnimationFrame(draw);
  });
}

element('play').addEventListener('click', () => void togglePlay());
element('position').addEventListener('input', () => {
  player.seek(element('position').valueAsNumber);
  showMoment();
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
    editor.open(button.dataset.open ?? 'postfilter');
    element('open').scrollIntoView({ behavior: still.matches ? 'auto' : 'smooth' });
    element('code').focus({ preventScroll: true });
  });
}
for (const screen of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('.screen[data-time]'))) {
  const moment = (/** @type {PointerEvent | MouseEvent} */ event) => {
    const { left, width } = screen.getBoundingClientRect();
    return (player.duration * (event.clientX - left)) / width;
  };
  screen.addEventListener('pointermove', (event) => {
    pointed = moment(event);
    showMoment();
  });
  screen.addEventListener('pointerleave', () => {
    pointed = undefined;
    showMoment();
  });
  screen.addEventListener('click', (event) => {
    player.seek(moment(event));
    pointed = undefined;
    showMoment();
  });
}

document.addEventListener('keydown', (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest('textarea, select, summary')) return;
  const stage = STAGES[Number(event.key)];
  if (event.key >= '0' && stage && results.original) choose(stage);
  else if (event.key === ' ' && !target.closest('button, input, a') && results.original) void togglePlay();
  else if (event.key === 'v' && results.yours) choose(choice.stage, choice.version === 'yours' ? 'original' : 'yours');
  else return;
  event.preventDefault();
});
addEventListener('resize', showMoment);

// The clip -------------------------------------------------------------------------------------------------------------

/** @param {'speech' | 'noise'} part @param {() => Promise<Float32Array> | Float32Array} get */
async function change(part, get) {
  try {
    clip[part] = await get();
    refresh('original', 'yours');
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), true);
  }
}

/** @type {Record<string, () => Promise<Float32Array>>} */
const SPEECH = {
  clip: () => fetchSound('clips/speech.wav'),
  microphone: () => recordSound((left) => say(`Recording: speak now, ${left} s left …`)),
  file: () => chosenFile('speech-file'),
};
/** @type {Record<string, () => Promise<Float32Array> | Float32Array>} */
const NOISE = { room: () => fetchSound('clips/room.wav'), white: whiteNoise, file: () => chosenFile('noise-file') };

/** @param {string} id @returns {Promise<Float32Array>} */
function chosenFile(id) {
  const [file] = element(id).files;
  return file ? readSound(file) : Promise.reject(new Error('No file was chosen: the last sound is kept.'));
}

for (const [part, sources] of /** @type {const} */ ([['speech', SPEECH], ['noise', NOISE]])) {
  const select = element(part);
  const picker = element(`${part}-file`);
  select.addEventListener('change', () => {
    if (select.value === 'file') picker.click();
    else void change(part, sources[/** @type {keyof typeof sources} */ (select.value)]);
  });
  picker.addEventListener('change', () => void change(part, sources.file));
}

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
document.addEventListener('dragover', (event) => event.preventDefault());
document.addEventListener('drop', (event) => {
  event.preventDefault();
  const file = event.dataTransfer?.files[0];
  if (!file) return;
  element('speech').value = 'file';
  void change('speech', () => readSound(file));
});

// The source -----------------------------------------------------------------------------------------------------------

editor.addEventListener('run', (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  if (detail?.listen) choose(detail.listen);
  refresh('yours');
});

async function start() {
  write('longest', String(LONGEST));
  void change('noise', NOISE.room);
  void change('speech', SPEECH.clip);
  try {
    const suggestions = fetch(new URL('./suggestions.json', import.meta.url)).then((response) => response.json());
    editor.fill(await lab.sources, await suggestions);
    if (Object.keys(editor.edits).length > 0) refresh('yours');
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}. Reload the page to try again.`, true);
  }
}

void start();
