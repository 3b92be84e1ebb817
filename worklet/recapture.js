/**
 * Switches the browser's own noise suppression on while the enhancer is not working, since the microphone was opened without it.
 *
 * Browsers differ in how they allow it to be switched, so these are tried in order, and the track's settings show whether one worked:
 *
 * 1. applyConstraints() on the open track (Firefox);
 * 2. a second capture, which is cross-faded in before the first is stopped (Chromium, if the first is not processed at all);
 * 3. the first capture is faded out and stopped, and the microphone opened again (Chromium otherwise: while it is open, every
 *    further capture gets the same processing).
 *
 * Once the enhancer is ready, the same in reverse. 2 and 3 are tried only if the browser does not ask the user again.
 */
import { suppressionOff, wantsSuppression, withoutSuppression } from './constraints.js';

/** ms that the enhancer may take to start, or to recover, before the browser's suppression is switched back on. */
export const ENHANCER_TIMEOUT = 5000;

/** ms that the browser may take to open a microphone. */
const CAPTURE_TIMEOUT = 10_000;

/** Reasons for a fallback from which the enhancer may recover by itself. @type {(string | undefined)[]} */
const TRANSIENT = ['stalled', 'overload', 'suspended'];

/**
 * @typedef {object} Recaptures
 * @property {number} done times that the browser's suppression was switched, by constraints or by opening the microphone again
 * @property {number} refused times that this was impossible: the browser refused, would have asked the user, or did not answer
 * @property {number} lost microphones that had to be stopped first and could not be opened again; their tracks have ended
 *
 * @typedef {import('./clean-media.js').GetUserMedia} GetUserMedia
 */

export class SuppressionKeeper {
  /** Whether the browser's suppression is at work now. */
  #suppressed;
  #busy = false;
  #ended = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #standIn;
  #getUserMedia;
  #counts;
  #onLost;

  /**
   * @param {import('./stand-in.js').StandIn} standIn
   * @param {GetUserMedia} getUserMedia the browser's own
   * @param {Recaptures} counts kept up to date
   * @param {{suppressed?: boolean, onLost?: () => void}} [options] `suppressed`: whether the microphone was opened with the
   *     browser's suppression; `onLost`: called when the microphone could not be opened again
   */
  constructor(standIn, getUserMedia, counts, { suppressed = false, onLost = () => {} } = {}) {
    this.#standIn = standIn;
    this.#getUserMedia = getUserMedia;
    this.#counts = counts;
    this.#suppressed = suppressed;
    this.#onLost = onLost;
    const { signal } = this.#ended;
    for (const type of /** @type {const} */ (['ready', 'fallback', 'playing'])) {
      standIn.percepnet.addEventListener(type, () => this.#update(), { signal });
    }
    this.#update();
  }

  end() {
    this.#ended.abort();
    clearTimeout(this.#timer);
  }

  /** Whether nothing of ours suppresses noise, not even the early worker. */
  get #needed() {
    const { state, early } = this.#standIn.percepnet;
    return state !== 'ready' && !(state === 'loading' && early);
  }

  #update() {
    clearTimeout(this.#timer);
    const { state, reason } = this.#standIn.percepnet;
    const needed = this.#needed;
    if (needed === this.#suppressed || this.#busy || this.#ended.signal.aborted) return;
    if (!needed || (state === 'fallback' && isFinal(reason?.code))) void this.#setSuppression(needed);
    else this.#timer = setTimeout(() => this.#setSuppression(true), ENHANCER_TIMEOUT);
  }

  /** @param {boolean} suppressed whether the microphone is to have the browser's suppression */
  async #setSuppression(suppressed) {
    const standIn = this.#standIn;
    if (suppressed && !(withholdsSuppression(standIn.asked) && hasSuppression(standIn.raw, false))) return;
    this.#busy = true;
    const done = await this.#trySuppression(suppressed);
    this.#busy = false;
    if (this.#ended.signal.aborted) return;
    if (done) {
      this.#counts.done += 1;
      this.#suppressed = suppressed;
    } else {
      this.#counts.refused += 1;
    }
    // Two suppressors in a row degrade the voice.
    standIn.leaveToBrowser(this.#suppressed && !suppressed);
    // A refusal is final until the enhancer's state changes, which it may have done in the meantime.
    if (done || this.#needed !== suppressed) this.#update();
  }

  /** @param {boolean} suppressed @returns {Promise<boolean>} whether that succeeded */
  async #trySuppression(suppressed) {
    const standIn = this.#standIn;
    const { raw, asked } = standIn;
    const { signal } = this.#ended;
    const constraints = suppressed ? suppressionOn(asked) : suppressionOff(asked);
    if (await tryConstraints(raw, constraints, suppressed)) {
      standIn.noteSuppression(suppressed);
      return true;
    }
    if (!(await mayReopen(raw, signal))) return false;
    const { track: second, error } = await reopen(this.#getUserMedia, deviceOf(raw), requireSuppression(constraints, suppressed));
    // A browser that serves only one capture at a time mutes one of them.
    if (second && !second.muted && !signal.aborted && hasSuppression(second, suppressed)) {
      standIn.replaceMicrophone(second, suppressed);
      return true;
    }
    second?.stop();
    // Stop the first capture only if it was the only obstacle: otherwise it would be lost for nothing.
    const open = second ? !second.muted : error?.name === 'OverconstrainedError';
    if (!open || signal.aborted || raw.muted || raw.readyState === 'ended') return false;
    await standIn.percepnet.fadeInput();
    const previous = suppressed ? suppressionOff(asked) : asked;
    const track = await stopAndReopen(this.#getUserMedia, raw, [constraints, previous], signal);
    if (signal.aborted) {
      track?.stop();
      return false;
    }
    if (!track) {
      this.#counts.lost += 1;
      standIn.lose();
      this.#onLost();
      return false;
    }
    standIn.replaceMicrophone(track, hasSuppression(track, true));
    return hasSuppression(track, suppressed);
  }
}

/**
 * Give a microphone that will not be enhanced the processing that it would have without us, before the page gets it.
 *
 * @param {MediaStreamTrack} raw opened without suppression
 * @param {MediaTrackConstraints} asked
 * @param {GetUserMedia} getUserMedia the browser's own
 * @param {Recaptures} counts
 * @returns {Promise<MediaStreamTrack | undefined>} `raw` itself, or what takes its place; undefined if the microphone is lost
 */
export async function restoreSuppression(raw, asked, getUserMedia, counts) {
  if (!withholdsSuppression(asked) || !hasSuppression(raw, false)) return raw;
  if (await tryConstraints(raw, suppressionOn(asked), true)) {
    counts.done += 1;
    return raw;
  }
  const track = (await mayReopen(raw)) ? await stopAndReopen(getUserMedia, raw, [asked, suppressionOff(asked)]) : raw;
  if (!track) counts.lost += 1;
  else counts[hasSuppression(track, true) ? 'done' : 'refused'] += 1;
  return track;
}

/** Whether the enhancer will not recover by itself from a fallback with this reason. @param {string} [code] */
export function isFinal(code) {
  return !TRANSIENT.includes(code);
}

/** Whether we opened the page's microphone without the browser's suppression. @param {MediaTrackConstraints} asked */
export function withholdsSuppression(asked) {
  const changed = withoutSuppression(asked) !== asked; // a requirement, and the syntax from before the standard, are passed on
  return changed && wantsSuppression(asked);
}

/** @param {MediaStreamTrack} track @param {boolean} suppressed */
function hasSuppression(track, suppressed) {
  return track.getSettings().noiseSuppression === suppressed;
}

/** @param {MediaTrackConstraints} asked */
function suppressionOn(asked) {
  return { ...suppressionOff(asked), noiseSuppression: true };
}

/** @param {MediaTrackConstraints} constraints @param {boolean} suppressed */
function requireSuppression(constraints, suppressed) {
  return { ...constraints, noiseSuppression: { exact: suppressed } };
}

/** @param {MediaStreamTrack} raw @param {MediaTrackConstraints} constraints @param {boolean} suppressed */
async function tryConstraints(raw, constraints, suppressed) {
  try {
    await raw.applyConstraints(constraints);
  } catch {
    return false;
  }
  return hasSuppression(raw, suppressed);
}

/**
 * Stop the microphone and open it again.
 *
 * @param {GetUserMedia} getUserMedia
 * @param {MediaStreamTrack} raw
 * @param {MediaTrackConstraints[]} choices constraints, the best first
 * @param {AbortSignal} [signal]
 * @returns {Promise<MediaStreamTrack | undefined>} undefined if nothing can be opened
 */
async function stopAndReopen(getUserMedia, raw, choices, signal) {
  const deviceId = deviceOf(raw); // A stopped track no longer has it.
  raw.stop();
  for (const constraints of choices) {
    const { track } = await reopen(getUserMedia, deviceId, constraints);
    if (track || signal?.aborted) return track;
  }
  return undefined;
}

/** @param {MediaStreamTrack} raw */
function deviceOf(raw) {
  return raw.getSettings().deviceId;
}

/**
 * Open the same microphone again.
 *
 * @param {GetUserMedia} getUserMedia
 * @param {string | undefined} deviceId
 * @param {MediaTrackConstraints} constraints
 * @returns {Promise<{track?: MediaStreamTrack, error?: Error}>} neither if the browser does not answer
 */
async function reopen(getUserMedia, deviceId, constraints) {
  const audio = { ...constraints, ...(deviceId && { deviceId: { exact: deviceId } }) };
  const opening = getUserMedia({ audio }).then(
    (stream) => ({ track: stream.getAudioTracks()[0] }),
    (error) => ({ error }),
  );
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, CAPTURE_TIMEOUT)));
  const answer = await Promise.race([opening, late]);
  clearTimeout(timer);
  if (answer) return answer;
  void opening.then((tooLate) => 'track' in tooLate && tooLate.track.stop());
  return {};
}

/**
 * Whether the browser opens the microphone without asking the user; waits until the page is in view, as some browsers do.
 *
 * @param {MediaStreamTrack} raw
 * @param {AbortSignal} [signal]
 */
async function mayReopen(raw, signal) {
  if (!deviceOf(raw) || !(await isGranted())) return false;
  await untilVisible(signal);
  return !signal?.aborted && raw.readyState !== 'ended' && isGranted();
}

async function isGranted() {
  try {
    const { state } = await navigator.permissions.query({ name: /** @type {PermissionName} */ ('microphone') });
    return state === 'granted';
  } catch {
    return false; // This browser cannot tell.
  }
}

/** @param {AbortSignal} [signal] */
async function untilVisible(signal) {
  while (document.visibilityState === 'hidden' && !signal?.aborted) {
    await new Promise((resolve) => {
      document.addEventListener('visibilitychange', resolve, { once: true });
      signal?.addEventListener('abort', resolve, { once: true });
    });
  }
}
