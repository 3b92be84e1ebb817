/** Records before and after, and handles the recordings. */
import { element, write } from './dom.js';
import { LONGEST, Recording } from './recording.js';

/** @type {Recording | undefined} in progress */
let recording;
/** @type {ReturnType<typeof setInterval>} */
let clock;
let count = 0;

/** @param {AudioNode} before @param {AudioNode} after */
export async function startTake(before, after) {
  recording = await Recording.start([before, after]);
  show();
  clock = setInterval(() => {
    if (recording && recording.seconds >= LONGEST) void endTake();
    else write('record', `Stop recording (${timeOf(recording?.seconds ?? 0)})`);
  }, 500);
}

/** Stop the recording, if there is one, and put it on the page. */
export async function endTake() {
  const ended = recording;
  recording = undefined;
  clearInterval(clock);
  if (!ended) return;
  const [before, after] = await ended.stop();
  show();
  if (ended.length === 0) return;
  const number = ++count;
  const files = [
    { name: 'Before', className: 'before', file: before, download: `percepnet-take${number}-before.wav` },
    { name: 'After', className: 'after', file: after, download: `percepnet-take${number}-after.wav` },
  ];
  element('takes').prepend(card(`Take ${number}`, ended.seconds, files, element('record')));
}

/** Whether this browser can: the tape is an AudioWorklet. */
export function canRecord() {
  return typeof AudioWorkletNode !== 'undefined';
}

export function isRecording() {
  return recording !== undefined;
}

function show() {
  element('record').setAttribute('aria-pressed', String(isRecording()));
  write('record', isRecording() ? 'Stop recording (0:00)' : 'Record both');
}

/**
 * A card with a player and a download for each file.
 *
 * @param {string} name
 * @param {number} seconds
 * @param {{name: string, className: string, file: Blob, download: string}[]} files
 * @param {HTMLElement} next gets the focus when the card is deleted
 * @returns {HTMLElement}
 */
export function card(name, seconds, files, next) {
  const take = document.createElement('article');
  take.className = 'take';
  const title = document.createElement('h3');
  title.textContent = `${name}, ${timeOf(seconds)}`;
  const remove = document.createElement('button');
  remove.type = 'button';
  remove.textContent = 'Delete';
  remove.setAttribute('aria-label', `Delete ${name}`);
  const head = document.createElement('div');
  head.className = 'row head';
  head.append(title, remove);
  take.append(head);
  const urls = files.map(({ name: which, className, file, download }) => {
    const url = URL.createObjectURL(file);
    const player = Object.assign(document.createElement('audio'), { src: url, controls: true, preload: 'metadata' });
    player.setAttribute('aria-label', `${name}, ${which.toLowerCase()}`);
    // One at a time, or they cannot be compared.
    player.onplay = () => document.querySelectorAll('.take audio').forEach((other) => {
      if (other !== player) /** @type {HTMLAudioElement} */ (other).pause();
    });
    const label = Object.assign(document.createElement('span'), { textContent: which, className });
    const link = Object.assign(document.createElement('a'), { href: url, download });
    link.textContent = `Download, ${(file.size / 1e6).toFixed(1)} MB`;
    link.setAttribute('aria-label', `Download ${name}, ${which.toLowerCase()}`);
    const row = document.createElement('div');
    row.className = 'row';
    row.append(label, player, link);
    take.append(row);
    return url;
  });
  remove.onclick = () => {
    urls.forEach((url) => URL.revokeObjectURL(url));
    take.remove();
    next.focus();
  };
  return take;
}

/** @param {number} seconds */
function timeOf(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
