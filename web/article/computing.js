/** Computes what is out of date, one version after another; changes made in the meantime follow afterwards. */
import { Fault, Stopped } from './lab.js';

/** @typedef {'original' | 'yours'} Version */
/** @typedef {import('./lab.js').Result} Result */

/**
 * @typedef {object} Owner
 * @property {() => Omit<import('./lab.js').Request, 'edits'> | undefined} clip undefined until there is one
 * @property {(version?: Version) => void} computed there are new results; the version is one that the visitor asked to hear
 * @property {(running: boolean) => void} running
 * @property {(text: string, alarm?: boolean) => void} say
 */

export class Computing {
  /** @type {Partial<Record<Version, Result>>} */
  results = {};
  running = false;
  #stale = { original: false, yours: false };
  /** Whether the visitor has asked to hear the changed code. */
  #requested = false;
  #lab;
  #editor;
  #owner;

  /** @param {import('./lab.js').Lab} lab @param {import('./editor.js').Editor} editor @param {Owner} owner */
  constructor(lab, editor, owner) {
    this.#lab = lab;
    this.#editor = editor;
    this.#owner = owner;
  }

  /** The clip has changed. */
  renew() {
    this.#stale = { original: true, yours: true };
    void this.#run();
  }

  /** The code has changed. @param {boolean} requested whether the visitor wants to hear it */
  rerun(requested) {
    this.#stale.yours = true;
    this.#requested ||= requested;
    void this.#run();
  }

  /** Give up what is being computed. */
  stop() {
    this.#lab.stop();
    this.#stale = { original: false, yours: false };
  }

  async #run() {
    if (this.running || !this.#owner.clip()) return;
    this.running = true;
    this.#owner.running(true);
    const { say } = this.#owner;
    try {
      let failed = false;
      while (this.#stale.original || this.#stale.yours) {
        const version = this.#stale.original ? 'original' : 'yours';
        this.#stale[version] = false;
        failed = !(await this.#compute(version));
      }
      if (failed) say('Your code stopped with an error, which is shown next to it. The last working sound is kept.', true);
      else say(this.results.yours ? 'Ready: your version and the original.' : 'Ready.');
    } catch (error) {
      if (error instanceof Stopped) say('Stopped. The last sound is kept.');
      else say(`${error instanceof Error ? error.message : error}. The last sound is kept.`, true);
    } finally {
      this.running = false;
      this.#owner.running(false);
    }
  }

  /** @param {Version} version @returns {Promise<boolean>} false if the visitor's code failed */
  async #compute(version) {
    const clip = /** @type {NonNullable<ReturnType<Owner['clip']>>} */ (this.#owner.clip());
    if (version === 'original') {
      this.results.original = await this.#lab.run({ ...clip, edits: {} });
      delete this.results.yours; // it belonged to another clip
      this.#owner.computed();
      return true;
    }
    const { edits } = this.#editor;
    if (Object.keys(edits).length === 0) {
      delete this.results.yours;
      this.#requested = false;
      this.#owner.computed('original');
      return true;
    }
    try {
      this.results.yours = await this.#lab.run({ ...clip, edits });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#editor.fail(error.message, error.module, error.line);
      return false;
    }
    this.#editor.succeed();
    this.#owner.computed(this.#requested ? 'yours' : undefined);
    this.#requested = false;
    return true;
  }
}
