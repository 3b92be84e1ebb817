/** Five seconds of the visitor's microphone: raw, enhanced, and with the browser's own noise suppression, to compare. */
import { element, write } from './dom.js';
import { Recording } from './recording.js';
import { RAW } from './sources.js';
import { card } from './takes.js';

const SECONDS = 5;

/** ms between readings of the level. */
const METER_INTERVAL = 100;

/** Peaks, dBFS, outside of which a microphone is set too low or too high. */
const TOO_QUIET = -35;
const TOO_LOUD = -0.5;

/** Below this there is nothing to hear at all: muted, or the wrong device. */
const SILENT = -65;

let count = 0;

/**
 * @param {import('./session.js').Session} session whose microphone plays
 * @param {() => number} level dBFS of the last moment
 */
export async function testMicrophone({ sound, microphone }, level) {
  if (!microphone) return;
  const own = await browsersOwn(microphone);
  const meter = element('test-level');
  meter.hidden = false;
  const metering = setInterval(() => {
    meter.value = level();
    meter.textContent = `${meter.value.toFixed(0)} dBFS`;
  }, METER_INTERVAL);
  try {
    const suppressed = own && sound.context.createMediaStreamSource(own);
    const taps = suppressed ? [sound.dry, sound.wet, suppressed] : [sound.dry, sound.wet];
    const recording = await Recording.start(taps);
    while (recording.seconds < SECONDS && microphone.readyState === 'live') {
      write('test-state', `Speak now: ${Math.ceil(SECONDS - recording.seconds)} s left.`);
      await new Promise((resolve) => setTimeout(resolve, METER_INTERVAL));
    }
    const [raw, clean, browser] = await recording.stop();
    suppressed?.disconnect();
    const number = ++count;
    const files = [
      { name: 'Raw', className: 'before', file: raw, download: `percepnet-test${number}-raw.wav` },
      { name: 'Enhanced', className: 'after', file: clean, download: `percepnet-test${number}-enhanced.wav` },
      ...(browser ? [{ name: 'Browser', className: '', file: browser, download: `percepnet-test${number}-browser.wav` }] : []),
    ];
    const made = card(`Test ${number}`, recording.seconds, files, element('test'));
    element('tests').prepend(made);
    write('test-state', `${verdict(20 * Math.log10(recording.peaks[0] + 1e-9))}${own ? '' : ' This browser cannot record with its own noise suppression at the same time.'}`);
    playInTurn([...made.querySelectorAll('audio')]);
  } finally {
    clearInterval(metering);
    meter.hidden = true;
    own?.getTracks().forEach((track) => track.stop());
  }
}

/** The same microphone through the browser's own suppression; some browsers give both tracks the same settings. */
async function browsersOwn(/** @type {MediaStreamTrack} */ microphone) {
  const { deviceId } = microphone.getSettings();
  const constraints = { ...RAW, noiseSuppression: true, ...(deviceId ? { deviceId: { exact: deviceId } } : {}) };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: constraints }).catch(() => undefined);
  const differ = stream?.getAudioTracks()[0].getSettings().noiseSuppression && !microphone.getSettings().noiseSuppression;
  if (differ && microphone.readyState === 'live' && !microphone.muted) return stream;
  stream?.getTracks().forEach((track) => track.stop());
  return undefined;
}

/** @param {number} peak dBFS */
function verdict(peak) {
  const level = `Peak ${peak.toFixed(0).replace('-', '−')} dBFS`;
  if (peak < SILENT) return 'Nothing was heard: is the microphone muted, or is it the wrong one?';
  if (peak < TOO_QUIET) return `${level}: rather quiet. Move closer to the microphone or turn it up.`;
  if (peak > TOO_LOUD) return `${level}: too loud, it distorts. Turn the microphone down.`;
  return `${level}: a good level.`;
}

/** One after the other, until the visitor takes over. @param {HTMLAudioElement[]} players */
function playInTurn([first, ...others]) {
  if (!first) return;
  first.onended = () => {
    first.onended = null;
    playInTurn(others);
  };
  first.play().catch(() => {}); // a browser that wants a click for it: the players are there
}
