/** The figures below and beside the pictures. */
import { element, write } from './dom.js';
import { SAMPLE_RATE, VOICED } from './worklet/constants.js';

/** @type {Record<string, string>} */
const KERNELS = { relaxed: 'relaxed SIMD', simd: 'SIMD', numpy: 'NumPy only' };

/** @param {number} share @param {number} [digits] */
const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;

/** dB. At the ends of the estimate's range only one of speech and noise has been heard; at 0.0 neither. */
const SNR_RANGE = 60;

/** @param {number} snr dB */
export function describeSnr(snr) {
  return snr === 0 || Math.abs(snr) >= SNR_RANGE ? '–' : `${snr.toFixed(0)} dB`.replace('-', '−');
}

/** @param {any} stats of the event `stats`, and the tier that is running */
export function showStats(stats) {
  write('latency', `${stats.latency} ms`);
  write('load', percent(stats.load, 1));
  const [usual, late] = [stats.computeP50, stats.computeP99].map((time) => time.toFixed(time < 10 ? 2 : 0));
  write('compute', `${usual} / ${late} ms`);
  write('late', stats.quanta ? percent(stats.underruns / stats.quanta, 2) : '–');
  write('skipped', String(stats.skipped));
  write('snr', describeSnr(stats.snr));
  const transport = stats.transport === 'shared' ? 'shared memory' : 'messages';
  write('engine', [stats.tier, KERNELS[stats.kernel] ?? stats.kernel].filter(Boolean).join(', '));
  write('transport', transport);
}

/** @param {Record<'before' | 'after', number>} levels dBFS */
export function showLevels(levels) {
  for (const [name, level] of Object.entries(levels)) {
    write(`${name}-level`, level > -90 ? `${level.toFixed(0)} dBFS`.replace('-', '−') : 'silent');
  }
}

/** @param {import('./worklet/enhancer.js').Frame | undefined} frame */
export function showFrame(frame) {
  if (!frame) return clearFacts(['gains-now', 'strengths-now', 'pitch-now', 'voice-now'], '');
  write('gains-now', `mean ${mean(frame.gains).toFixed(2)}`);
  write('strengths-now', `mean ${mean(frame.strengths).toFixed(2)}`);
  const voiced = frame.correlation >= VOICED && frame.voice > 0.5;
  write('pitch-now', voiced ? `${Math.round(SAMPLE_RATE / frame.period)} Hz` : 'none');
  write('voice-now', percent(frame.voice));
}

/** @param {number} share of the page's thread */
export function showDrawing(share) {
  write('drawing', percent(share, 1));
}

/** @param {string[]} [ids] @param {string} [text] */
export function clearFacts(ids = ['load', 'latency', 'compute', 'late', 'skipped', 'snr', 'drawing', 'engine', 'transport'], text = '–') {
  for (const id of ids) element(id).textContent = text;
}

/** @param {Float32Array} values */
function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
