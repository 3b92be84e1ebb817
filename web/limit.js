/** The slider that limits how much noise is removed. */
import { element, write } from './dom.js';
import { ATTENUATION_LIMIT_DB } from './worklet/constants.js';

/** dB at the right end of the slider, which stands for no limit. */
const NO_LIMIT = 60;

/** @returns {number} dB */
export function limit() {
  const value = element('limit').valueAsNumber;
  return value >= NO_LIMIT ? Infinity : value;
}

/** Set the slider to the default. @param {(limit: number) => void} onChange called with dB when the visitor moves it */
export function offerLimit(onChange) {
  const slider = element('limit');
  slider.valueAsNumber = ATTENUATION_LIMIT_DB;
  show();
  slider.addEventListener('input', () => {
    show();
    onChange(limit());
  });
}

function show() {
  const text = limit() === Infinity ? 'no limit' : `${limit()} dB`;
  write('limit-value', text);
  element('limit').setAttribute('aria-valuetext', text);
}
