/**
 * The source code of the enhancer's stages, and a visitor's edits. It knows nothing about sound: the page runs the edits.
 *
 * @typedef {{module: string, title: string, find: string, replace: string, listen: string}} Suggestion
 */
import { element } from '../dom.js';

/** Where the edits are kept across a reload. */
const STORE = 'percepnet edits';

export class Editor extends EventTarget {
  /** @type {Record<string, string>} the wheel's own sources, by module */ #sources = {};
  /** @type {Record<string, string>} */ #edits = {};
  /** @type {Suggestion[]} */ #suggestions = [];
  #module = '';
  #area = /** @type {HTMLTextAreaElement} */ (element('code'));
  #gutter = element('gutter');
  #file = /** @type {HTMLSelectElement} */ (element('file'));

  constructor() {
    super();
    this.#edits = restored();
    this.#area.addEventListener('input', () => this.#saveEdit());
    this.#area.addEventListener('scroll', () => (this.#gutter.scrollTop = this.#area.scrollTop));
    this.#area.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.#requestRun();
      }
    });
    this.#file.addEventListener('change', () => this.open(this.#file.value));
    element('run').addEventListener('click', () => this.#requestRun());
    element('reset').addEventListener('click', () => this.#reset([this.#module]));
    element('reset-all').addEventListener('click', () => this.#reset(Object.keys(this.#edits)));
  }

  /** @param {Record<string, string>} sources @param {Suggestion[]} suggestions */
  fill(sources, suggestions) {
    this.#sources = sources;
    this.#suggestions = suggestions;
    // Drop edits of files that no longer exist, or that equal the original.
    for (const name of Object.keys(this.#edits)) {
      if (!(name in sources) || this.#edits[name] === sources[name]) delete this.#edits[name];
    }
    this.#file.replaceChildren(...Object.keys(sources).map((name) => new Option(file(name), name)));
    this.#file.disabled = this.#area.disabled = false;
    this.open(Object.keys(this.#edits)[0] ?? 'signal.postfilter');
  }

  /** Sources of the modules that are changed. @returns {Record<string, string>} */
  get edits() {
    return { ...this.#edits };
  }

  /** @param {string} module to show @param {number} [line] to mark and scroll to, from 1 */
  open(module, line) {
    this.#module = module;
    this.#file.value = module;
    this.#area.value = this.#edits[module] ?? this.#sources[module];
    this.#area.scrollTop = 0;
    this.#number();
    this.#suggest();
    this.#updateControls();
    if (line) this.mark(line, 'wrong');
  }

  /** @param {string} text what is wrong @param {string} [module] @param {number} [line] */
  fail(text, module, line) {
    if (module && module in this.#sources && module !== this.#module) this.open(module);
    const own = module === this.#module;
    element('fault').hidden = false;
    element('fault').textContent = line && module ? `${file(module)}, line ${line}: ${text}` : text;
    this.#area.setAttribute('aria-invalid', 'true');
    if (own && line) this.mark(line, 'wrong');
  }

  succeed() {
    element('fault').hidden = true;
    this.#area.removeAttribute('aria-invalid');
    this.#gutter.querySelector('.wrong')?.classList.remove('wrong');
  }

  /** Scroll to a line. @param {number} line from 1 @param {'wrong' | 'changed'} kind */
  mark(line, kind) {
    this.#number();
    this.#gutter.children[line - 1]?.classList.add(kind);
    const tall = this.#area.scrollHeight / Math.max(this.#area.value.split('\n').length, 1);
    this.#area.scrollTop = Math.max(0, (line - 6) * tall);
    this.#gutter.scrollTop = this.#area.scrollTop;
  }

  #saveEdit() {
    const text = this.#area.value;
    if (text === this.#sources[this.#module]) delete this.#edits[this.#module];
    else this.#edits[this.#module] = text;
    remember(this.#edits);
    this.#number();
    this.#updateControls();
  }

  #requestRun() {
    this.dispatchEvent(new CustomEvent('run'));
  }

  /** @param {string[]} modules */
  #reset(modules) {
    for (const module of modules) delete this.#edits[module];
    remember(this.#edits);
    this.succeed();
    this.open(this.#module);
    this.#requestRun();
  }

  /** Number the lines, with none marked. */
  #number() {
    const lines = this.#area.value.split('\n').length;
    if (this.#gutter.childElementCount !== lines) {
      const numbers = Array.from({ length: lines }, (_, i) => {
        const number = document.createElement('span');
        number.textContent = String(i + 1);
        return number;
      });
      this.#gutter.replaceChildren(...numbers);
    }
    for (const number of this.#gutter.querySelectorAll('[class]')) number.removeAttribute('class');
  }

  #suggest() {
    const buttons = this.#suggestions
      .filter(({ module }) => module === this.#module)
      .map((suggestion) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.textContent = suggestion.title;
        button.addEventListener('click', () => this.#apply(suggestion));
        return button;
      });
    element('suggestions').replaceChildren(...buttons);
    element('suggested').hidden = buttons.length === 0;
  }

  /** @param {Suggestion} suggestion */
  #apply({ module, find, replace, listen }) {
    this.#area.value = this.#sources[module].replace(find, () => replace);
    this.#saveEdit();
    this.mark(this.#sources[module].slice(0, this.#sources[module].indexOf(find)).split('\n').length, 'changed');
    this.dispatchEvent(new CustomEvent('run', { detail: { listen } }));
  }

  #updateControls() {
    const changed = Object.keys(this.#edits);
    for (const option of this.#file.options) {
      option.text = `${file(option.value)}${changed.includes(option.value) ? ' (changed)' : ''}`;
    }
    element('reset').disabled = !changed.includes(this.#module);
    element('reset-all').disabled = changed.length === 0;
    element('run').disabled = false;
  }
}

/** @param {string} module such as `signal.comb` @returns {string} its file in the package */
function file(module) {
  return `${module.replaceAll('.', '/')}.py`;
}

/** @returns {Record<string, string>} */
function restored() {
  try {
    return JSON.parse(sessionStorage.getItem(STORE) ?? '{}');
  } catch {
    return {}; // storage may be forbidden, or hold something else
  }
}

/** @param {Record<string, string>} edits */
function remember(edits) {
  try {
    sessionStorage.setItem(STORE, JSON.stringify(edits));
  } catch {
    // Without storage they are lost with the page.
  }
}
