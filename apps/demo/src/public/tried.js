import { store, stored } from './elements.js';

/** Ticks off what was tried. Remembered for this tab, because a reload is among it. */
export class Tried {
  #key;
  /** By what was tried, what to tell screen readers. @type {Record<string, string>} */
  #done;

  /** @param {string} id */
  constructor(id) {
    this.#key = `landspout-tried-${id}`;
    this.#done = /** @type {Record<string, string>} */ (stored(this.#key) ?? {});
    for (const name of Object.keys(this.#done)) this.#show(name);
  }

  /** @param {string} name @param {string} sentence */
  note(name, sentence) {
    if (name in this.#done) return;
    this.#done[name] = sentence;
    store(this.#key, this.#done);
    this.#show(name);
  }

  /** @param {string} name */
  #show(name) {
    const entry = /** @type {HTMLElement | null} */ (document.querySelector(`[data-try="${name}"]`));
    const word = entry?.querySelector('.tried');
    if (!entry || !word) return;
    entry.classList.add('done');
    word.textContent = ` Done. ${this.#done[name]}`;
  }
}
