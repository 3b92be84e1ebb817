/** Five seconds of the visitor's microphone, raw and enhanced; five more with the browser's own noise suppression, to compare. */
import { element, write } from './dom.js';
import { Recording } from './recording.js';
import { RAW } from './sources.js';
import { card } from './takes.js';
import { SAMPLE_RATE } from './worklet/constants.js';

const SECONDS = 5;

/** Seconds between the recordings, to read what comes next. */
const PAUSE = 3;

/** ms between readings of the level. */
const METER_INTERVAL = 100;

/** Peaks, dBFS, below and above which the microphone is set too low or too high. */
const TOO_QUIET = -35;
const TOO_LOUD = -0.5;

/** Below this there is nothing to hear at all: muted, or the wrong device. */
const SILENT = -65;

let count = 0;

/**
 * @param {import('./session.js').Session} session whose microphone plays
 * @param {() => Promise<void>} release stops the session: browsers open a microphone with one setting at a time
 */
export async function testMicrophone({ sound, microphone }, release) {
  if (!microphone) return;
  const here = await record([sound.dry, sound.wet], microphone, 'Speak now');
  await release();
  const browser = await recordBrowsersOwn();
  const number = ++count;
  const [raw, clean] = here.files;
  const files = [
    { name: 'Raw', className: 'before', file: raw, download: `percepnet-test${number}-raw.wav` },
    { name: 'Enhanced', className: 'after', file: clean, download: `percepnet-test${number}-enhanced.wav` },
    ...(browser ? [{ name: 'Browser’s own', className: '', file: browser, download: `percepnet-test${number}-browser.wav` }] : []),
  ];
  const made = card(`Test ${number}`, here.seconds, files, element('test'));
  element('tests').prepend(made);
  const missing = browser ? '' : ' This browser has no noise suppression of its own.';
  write('test-state', `${verdict(20 * Math.log10(here.peak + 1e-9))}${missing}`);
  playInTurn([...made.querySelectorAll('audio')]);
}

/**
 * @param {AudioNode[]} taps
 * @param {MediaStreamTrack} track
 * @param {string} prompt
 */
async function record(taps, track, prompt) {
  const meter = element('test-level');
  const recording = await Recording.start(taps);
  meter.hidden = false;
  while (recording.seconds < SECONDS && track.readyState === 'live') {
    write('test-state', `${prompt}: ${Math.ceil(SECONDS - recording.seconds)} s left.`);
    meter.value = Math.max(recording.level, meter.min);
    meter.textContent = `${meter.value.toFixed(0)} dBFS`;
    await wait(METER_INTERVAL);
  }
  meter.hidden = true;
  const files = await recording.stop();
  return { files, seconds: recording.seconds, peak: recording.peaks[0] };
}

/** Record the same microphone again, through the browser's own suppression. @returns {Promise<Blob | undefined>} */
async function recordBrowsersOwn() {
  const audio = { ...RAW, noiseSuppression: true };
  const stream = await navigator.mediaDevices.getUserMedia({ audio }).catch(() => undefined);
  const track = stream?.getAudioTracks()[0];
  if (!stream || !track?.getSettings().noiseSuppression) {
    track?.stop();
    return undefined;
  }
  const context = new AudioContext({ sampleRate: SAMPLE_RATE });
  try {
    for (let left = PAUSE; left > 0; left--) {
      write('test-state', `Next, the browser’s own suppression: say it again in ${left} s.`);
      await wait(1000);
    }
    const { files } = await record([context.createMediaStreamSource(stream)], track, 'Now say it again');
    return files[0];
  } finally {
    track.stop();
    void context.close();
  }
}

/** @param {number} ms */
function wait(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** @param {number} peak dBFS */
function verdict(peak) {
  const level = `Peak ${peak.toFixed(0).replace('-', '−')} dBFS`;
  if (peak < SILENT) return 'No sound was recorded: is the microphone muted, or is it the wrong one?';
  if (peak < TOO_QUIET) return `${level}: too quiet. Move closer to the microphone or turn it up.`;
  if (peak > TOO_LOUD) return `${level}: too loud, so it is distorted. Turn the microphone down.`;
  return `${level}: a good level.`;
}

/** One after the other, until the visitor takes over. @param {HTMLAudioElement[]} players */
function playInTurn([first, ...others]) {
  if (!first) return;
  first.onended = () => {
    first.onended = null;
    playInTurn(others);
  };
  first.play().catch(() => {}); // a browser that requires a click first: the players are there
}
