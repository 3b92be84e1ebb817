/**
 * The script tag's data attributes: what each means and takes. A wrong one is told and left out; it never stops the page.
 */

import { ENGINES } from './options.js';
import { isName } from './tiers.js';

/** @typedef {{takes: string, read: (text: string) => unknown}} Attribute `read` gives undefined for what it cannot read */

/** @type {Record<string, Attribute>} by their names in `dataset`, which are those of the options */
const ATTRIBUTES = {
  engine: { takes: ENGINES.join(' or '), read: (text) => ENGINES.find((engine) => engine === text) },
  model: { takes: "a tier such as 'c20', 'auto' for the largest this machine carries, or a model file's address", read: readModelName },
  assets: { takes: 'the address of the runtime folder', read: readFolder },
  attenuationLimit: { takes: 'decibels from 0 (no effect) to Infinity (no limit)', read: readLimit },
  enabled: { takes: 'true or false', read: readSwitch },
  preload: { takes: 'true (load with the page) or false (with the first microphone)', read: readSwitch },
};

/**
 * @param {Record<string, string | undefined>} dataset of the script element
 * @returns {{options: Record<string, any>, problems: string[]}} options for CleanMedia; what is wrong, each with its remedy
 */
export function readAttributes(dataset) {
  /** @type {Record<string, any>} */
  const options = {};
  const problems = [];
  for (const [name, text = ''] of Object.entries(dataset)) {
    const attribute = Object.hasOwn(ATTRIBUTES, name) ? ATTRIBUTES[name] : undefined;
    if (!attribute) {
      const known = Object.keys(ATTRIBUTES).map(spelling).join(', ');
      problems.push(`${spelling(name)} is no attribute of this script and is ignored: there are ${known}`);
      continue;
    }
    const value = attribute.read(text.trim());
    if (value === undefined) problems.push(`${spelling(name)}="${text}" is ignored: give ${attribute.takes}`);
    else options[name] = value;
  }
  return { options, problems };
}

/** @param {string} name in `dataset` @returns {string} in HTML */
function spelling(name) {
  return `data-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** @type {Map<string, boolean>} a Map: an object would answer to 'constructor' too */
const SWITCH = new Map([['', true], ['true', true], ['false', false]]);

/** @param {string} text @returns {boolean | undefined} an attribute without a value means yes */
function readSwitch(text) {
  return SWITCH.get(text);
}

/** @param {string} text */
function readLimit(text) {
  const value = text === '' ? NaN : Number(text);
  return value >= 0 ? value : undefined;
}

/** @param {string} text */
function readModelName(text) {
  return text === '' || isName(text) ? text || undefined : readAddress(text);
}

/** @param {string} text @returns {string | undefined} an address that files can lie under: none of data: or javascript: */
function readFolder(text) {
  const address = readAddress(text);
  return URL.canParse('.', address) ? address : undefined;
}

/** @param {string} text @returns {string | undefined} absolute, against the page */
function readAddress(text) {
  return text !== '' && URL.canParse(text, globalThis.document?.baseURI) ? new URL(text, document.baseURI).href : undefined;
}
