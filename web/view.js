/** Level meter and spectrogram of a stream. */

const FLOOR = -70; // dBFS shown as silence
const TOP_HZ = 12000;

/** Seconds for the spectrogram to cross its canvas. */
const SPAN = 10;

/** Dark to light by level: black, teal, sand, white. */
const PALETTE = makePalette([
  [6, 16, 15],
  [10, 92, 88],
  [228, 190, 104],
  [255, 255, 255],
]);

export class View {
  /**
   * @param {AudioContext} context
   * @param {MediaStream} stream
   * @param {{meter: HTMLMeterElement, value: HTMLOutputElement, canvas: HTMLCanvasElement}} elements
   */
  constructor(context, stream, { meter, value, canvas }) {
    this.source = context.createMediaStreamSource(stream);
    this.analyser = new AnalyserNode(context, { fftSize: 1024, smoothingTimeConstant: 0, minDecibels: -95, maxDecibels: -25 });
    this.source.connect(this.analyser);
    this.samples = new Float32Array(this.analyser.fftSize);
    this.bins = new Uint8Array(Math.round((TOP_HZ / context.sampleRate) * this.analyser.fftSize));
    this.meter = meter;
    this.value = value;
    this.canvas = canvas;
    this.drawing = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { willReadFrequently: true }));
    this.column = this.drawing.createImageData(1, canvas.height);
    this.level = FLOOR;
    this.drawn = 0;
    this.told = 0;
    this.drawing.clearRect(0, 0, canvas.width, canvas.height);
  }

  /** Draw the present. @param {number} time ms, of requestAnimationFrame */
  update(time) {
    this.#drawLevel(time);
    const width = SPAN * 1000 / this.canvas.width;
    if (this.drawn === 0) this.drawn = time;
    const columns = Math.min(Math.floor((time - this.drawn) / width), this.canvas.width);
    if (columns > 0) {
      this.#drawSpectrum(columns);
      this.drawn += columns * width;
    }
  }

  /** Fast up, slow down, as meters do; the number follows twice a second so that it can be read. @param {number} time */
  #drawLevel(time) {
    this.analyser.getFloatTimeDomainData(this.samples);
    let power = 0;
    for (const x of this.samples) power += x * x;
    const now = Math.max(FLOOR, 10 * Math.log10(power / this.samples.length + 1e-12));
    this.level = Math.max(now, this.level - 0.7);
    this.meter.value = this.level;
    if (time - this.told > 500) {
      this.told = time;
      this.value.textContent = this.level > FLOOR ? `${this.level.toFixed(0)} dBFS` : 'silent';
    }
  }

  /** @param {number} columns to scroll by and fill */
  #drawSpectrum(columns) {
    const { drawing, canvas, column, bins } = this;
    this.analyser.getByteFrequencyData(bins);
    for (let y = 0; y < canvas.height; y++) {
      const level = bins[Math.floor(((canvas.height - 1 - y) * bins.length) / canvas.height)];
      column.data.set(PALETTE.subarray(4 * level, 4 * level + 4), 4 * y);
    }
    drawing.drawImage(canvas, -columns, 0);
    for (let i = 0; i < columns; i++) drawing.putImageData(column, canvas.width - columns + i, 0);
  }

  close() {
    this.source.disconnect();
    this.meter.value = FLOOR;
    this.value.textContent = '–';
  }
}

/** @param {number[][]} stops RGB @returns {Uint8ClampedArray} RGBA of 256 levels */
function makePalette(stops) {
  const palette = new Uint8ClampedArray(4 * 256);
  for (let level = 0; level < 256; level++) {
    const place = (level / 255) * (stops.length - 1);
    const below = Math.min(Math.floor(place), stops.length - 2);
    for (let i = 0; i < 3; i++) {
      palette[4 * level + i] = stops[below][i] + (place - below) * (stops[below + 1][i] - stops[below][i]);
    }
    palette[4 * level + 3] = 255;
  }
  return palette;
}
