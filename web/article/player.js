/**
 * Loops one of several sounds of equal length, and switches between them without a gap: all of them run in step, and all
 * but one are silent.
 */

/** Seconds that a switch takes. */
const FADE = 0.015;
/** Seconds by which a start is scheduled ahead, so that old and new sounds meet at one sample. */
const AHEAD = 0.06;

export class Player {
  /** @type {AudioContext | undefined} */ #context;
  /** @type {Map<string, AudioBuffer>} */ #buffers = new Map();
  /** @type {Map<string, {source: AudioBufferSourceNode, gain: GainNode}>} */ #voices = new Map();
  #chosen = '';
  #rate;
  /** Time of the context at which position 0 was, or would have been, while playing. */
  #origin = 0;
  /** Seconds, while paused. */
  #rest = 0;
  playing = false;

  /** @param {number} rate samples per second */
  constructor(rate) {
    this.#rate = rate;
  }

  /** Seconds. */
  get duration() {
    const [buffer] = this.#buffers.values();
    return buffer?.duration ?? 0;
  }

  /** Seconds: what is heard now, allowing for the output's latency. */
  get position() {
    if (!this.playing || !this.#context || !this.duration) return this.#rest;
    const heard = this.#context.currentTime - (this.#context.outputLatency || 0);
    return modulo(heard - this.#origin, this.duration);
  }

  /** Replace the sounds. @param {Record<string, Float32Array>} sounds by name, of one length */
  load(sounds) {
    const position = this.position;
    this.#buffers = new Map(
      Object.entries(sounds).map(([name, samples]) => {
        const buffer = new AudioBuffer({ length: samples.length, sampleRate: this.#rate });
        buffer.copyToChannel(bounded(samples), 0);
        return [name, buffer];
      }),
    );
    this.#rest = this.duration ? modulo(position, this.duration) : 0;
    if (this.playing) this.#start(position);
  }

  /** @param {string} name of the sound to hear */
  choose(name) {
    this.#chosen = name;
    const now = this.#context?.currentTime ?? 0;
    for (const [other, { gain }] of this.#voices) {
      gain.gain.cancelScheduledValues(now);
      gain.gain.setTargetAtTime(other === name ? 1 : 0, now, FADE / 3);
    }
  }

  async play() {
    if (!this.duration || this.playing) return;
    this.#context ??= new AudioContext({ sampleRate: this.#rate });
    this.playing = true;
    await this.#context.resume();
    if (this.playing) this.#start(this.#rest);
  }

  pause() {
    if (!this.playing) return;
    this.#rest = this.position;
    this.playing = false;
    this.#stop(this.#context?.currentTime ?? 0);
  }

  /** @param {number} seconds */
  seek(seconds) {
    const place = Math.min(Math.max(seconds, 0), Math.max(this.duration - 0.01, 0));
    if (this.playing) this.#start(place);
    else this.#rest = place;
  }

  /** @param {number} position seconds */
  #start(position) {
    const context = /** @type {AudioContext} */ (this.#context);
    const when = context.currentTime + AHEAD;
    this.#stop(when);
    const offset = modulo(position, this.duration);
    for (const [name, buffer] of this.#buffers) {
      const source = new AudioBufferSourceNode(context, { buffer, loop: true });
      const gain = new GainNode(context, { gain: name === this.#chosen ? 1 : 0 });
      source.connect(gain).connect(context.destination);
      source.start(when, offset);
      this.#voices.set(name, { source, gain });
    }
    this.#origin = when - offset;
  }

  /** @param {number} when */
  #stop(when) {
    for (const { source } of this.#voices.values()) source.stop(when);
    this.#voices.clear();
  }
}

/** Edited code can be far too loud. @param {Float32Array} samples @returns {Float32Array<ArrayBuffer>} */
function bounded(samples) {
  const peak = samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return Float32Array.from(peak > 1 ? samples.map((x) => x / peak) : samples);
}

/** @param {number} value @param {number} length */
function modulo(value, length) {
  return ((value % length) + length) % length;
}
