/**
 * The script tag's data attributes: what each means and accepts. An invalid value is reported and ignored; it never stops the
 * page. Other tools' attributes (data-cfasync, data-turbo-track, data-nscript) are ignored, but one that looks like a
 * misspelling of one of ours is reported.
 */

import { ENGINES } from './options.js';
import { isName } from './tiers.js';

/** @typedef {{takes: string, read: (text: string) => unknown}} Attribute `read` returns undefined for what it cannot read */

/** @type {Record<string, Attribute>} by their names in `dataset`, which are those of the options */
const ATTRIBUTES = {
  engine: { takes: ENGINES.join(' or '), read: (text) => ENGINES.find((engine) => engine === text) },
  model: { takes: "a tier such as 'c20', 'auto' for the largest that this machine can run in time, or a model file's address", read: readModelName },
  assets: { takes: 'the address of the runtime folder', read: readFolder },
  attenuationLimit: { takes: 'decibels from 0 (no effect) to Infinity (no limit)', read: readLimit },
  enabled: { takes: 'true or false', read: readBoolean },
  preload: { takes: 'true (load with the page) or false (with the first microphone)', read: readBoolean },
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
      const intended = Object.keys(ATTRIBUTES).find((known) => isMisspelt(name.toLowerCase(), known.toLowerCase()));
      if (intended) problems.push(`${attributeName(name)} is unknown and ignored: did you mean ${attributeName(intended)}?`);
      continue;
    }
    const value = attribute.read(text.trim());
    if (value === undefined) problems.push(`${attributeName(name)}="${text}" is ignored: it must be ${attribute.takes}`);
    else options[name] = value;
  }
  return { options, problems };
}

/** @param {string} name in `dataset` @returns {string} the attribute's name in HTML */
function attributeName(name) {
  return `data-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** @param {string} name @param {string} known */
function isMisspelt(name, known) {
  return distance(name, known) <= 1 || (name.length >= 5 && known.startsWith(name));
}

/** Letters to insert, delete or replace to turn one word into the other. @param {string} a @param {string} b */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
  }
  return row[b.length];
}

/** @type {Map<string, boolean>} a Map, since an object also has 'constructor' */
const BOOLEANS = new Map([['', true], ['true', true], ['false', false]]);

/** @param {string} text @returns {boolean | undefined} true for an attribute without a value */
function readBoolean(text) {
  return BOOLEANS.get(text);
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

/** @param {string} text @returns {string | undefined} an address below which there can be files: not data: or javascript: */
function readFolder(text) {
  const address = readAddress(text);
  return URL.canParse('.', address) ? address : undefined;
}

/** @param {string} text @returns {string | undefined} absolute, resolved against the page */
function readAddress(text) {
  return text !== '' && URL.canParse(text, globalThis.document?.baseURI) ? new URL(text, document.baseURI).href : undefined;
}
