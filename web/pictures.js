/** The pictures: both spectrograms and what the enhancer does, drawn at the display's frame rate. */
import { pitchHeight } from './axes.js';
import { SHARE, SOUND, colour } from './palette.js';
import { bandsOfRows, binsOfRows } from './scale.js';
import { COLUMNS, SPAN, Sweep } from './sweep.js';
import { SAMPLE_RATE, VOICED } from './worklet/constants.js';

const ROWS = 144;
const LOW_ROWS = 48;
const FFT = 2048;

/** dBFS of the darkest and the lightest colour. */
const DARKEST = -100;
const LIGHTEST = -25;

/** Seconds without a frame after which there is nothing to show of the enhancer. */
const STALE = 0.25;

const FAINT = colour(90, 140, 132);
const BRIGHT = colour(240, 255, 250);

/** A signal's spectrogram. */
export class Spectrogram {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.sweep = new Sweep(canvas, ROWS);
    this.rows = binsOfRows(ROWS, SAMPLE_RATE / FFT);
    this.levels = new Uint8Array(FFT / 2);
    this.samples = new Float32Array(FFT / 2);
    /** @type {AudioNode | undefined} */
    this.node = undefined;
    /** @type {AnalyserNode | undefined} */
    this.analyser = undefined;
  }

  /** @param {AudioNode} node whose output to show */
  attach(node) {
    this.sweep.clear();
    if (this.node === node) return;
    this.node = node;
    const { context } = node;
    this.analyser = new AnalyserNode(context, {
      fftSize: FFT,
      smoothingTimeConstant: 0,
      minDecibels: DARKEST,
      maxDecibels: LIGHTEST,
    });
    node.connect(this.analyser);
  }

  /** @param {number} from @param {number} to columns */
  draw(from, to) {
    const { levels, sweep, rows: { first, last } } = this;
    if (!this.analyser) return;
    this.analyser.getByteFrequencyData(levels);
    for (let row = 0; row < ROWS; row++) {
      let loudest = 0;
      for (let bin = first[row]; bin <= last[row]; bin++) if (levels[bin] > loudest) loudest = levels[bin];
      sweep.column[row] = SOUND[loudest];
    }
    sweep.put(from, to);
  }

  /** @returns {number} level of the last 20 ms, dBFS */
  level() {
    this.analyser?.getFloatTimeDomainData(this.samples);
    let power = 0;
    for (const x of this.samples) power += x * x;
    return 10 * Math.log10(power / this.samples.length + 1e-12);
  }
}

/** What the enhancer decides: gains, strengths, pitch and voice. */
export class Decisions {
  /** @param {Record<'gains' | 'strengths' | 'pitch' | 'voice', HTMLCanvasElement>} canvases */
  constructor({ gains, strengths, pitch, voice }) {
    this.gains = new Sweep(gains, ROWS);
    this.strengths = new Sweep(strengths, ROWS);
    this.pitch = new Sweep(pitch, LOW_ROWS);
    this.voice = new Sweep(voice, LOW_ROWS);
    this.bands = bandsOfRows(ROWS);
    /** @type {import('./worklet/enhancer.js').Frame | undefined} the newest */
    this.frame = undefined;
    this.updated = 0;
  }

  /** @param {import('./worklet/enhancer.js').Frame} frame */
  take(frame) {
    this.frame = frame;
    this.updated = performance.now();
  }

  /** The newest frame, unless the enhancer has stopped since. */
  present() {
    return performance.now() - this.updated < 1000 * STALE ? this.frame : undefined;
  }

  /** @param {number} from @param {number} to columns */
  draw(from, to) {
    const frame = this.present();
    for (const sweep of [this.gains, this.strengths, this.pitch, this.voice]) sweep.column.fill(0);
    if (frame) this.#fill(frame);
    for (const sweep of [this.gains, this.strengths, this.pitch, this.voice]) sweep.put(from, to);
  }

  /** @param {import('./worklet/enhancer.js').Frame} frame */
  #fill({ gains, strengths, period, correlation, voice }) {
    for (let row = 0; row < ROWS; row++) {
      const band = this.bands[row];
      this.gains.column[row] = SHARE[Math.round(255 * gains[band])];
      this.strengths.column[row] = SHARE[Math.round(255 * strengths[band])];
    }
    if (correlation >= VOICED && period > 0) {
      const row = Math.round((1 - pitchHeight(SAMPLE_RATE / period)) * (LOW_ROWS - 2));
      this.pitch.column.fill(voice > 0.5 ? BRIGHT : FAINT, row, row + 2);
    }
    this.voice.column.fill(SHARE[Math.round(60 + 90 * voice)], Math.round((1 - voice) * (LOW_ROWS - 1)));
  }

  clear() {
    this.frame = undefined;
    for (const sweep of [this.gains, this.strengths, this.pitch, this.voice]) sweep.clear();
  }
}

/** Draws while it runs, column by column of the context's time, and measures what that costs. */
export class Drawing {
  /** @param {AudioContext} context @param {{draw: (from: number, to: number) => void}[]} pictures */
  constructor(context, pictures) {
    this.context = context;
    this.pictures = pictures;
    this.frozen = false;
    /** ms spent since the last report. */
    this.busy = 0;
    this.since = performance.now();
    this.drawn = this.#now();
    const frame = () => {
      this.request = requestAnimationFrame(frame);
      const started = performance.now();
      this.#draw();
      this.busy += performance.now() - started;
    };
    this.request = requestAnimationFrame(frame);
  }

  /** @returns {number} share of the page's thread that drawing took since the last call */
  account() {
    const now = performance.now();
    const share = this.busy / Math.max(now - this.since, 1);
    this.busy = 0;
    this.since = now;
    return share;
  }

  stop() {
    cancelAnimationFrame(this.request);
  }

  /** Columns since the context began. */
  #now() {
    return Math.floor((this.context.currentTime * COLUMNS) / SPAN);
  }

  #draw() {
    const now = this.#now();
    const from = this.drawn;
    if (now === from) return;
    this.drawn = now;
    if (!this.frozen) for (const picture of this.pictures) picture.draw(from, now);
  }
}
