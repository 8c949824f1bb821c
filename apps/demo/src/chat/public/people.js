import { avatar } from './avatar.js';

/** @typedef {{ id: string, name: string }} Visitor */

/** The list of people in the room: oneself first, then by name. */
export class People {
  /** @type {Map<string, Visitor>} */
  #visitors = new Map();
  #me = '';
  #list;
  #count;

  /** @param {HTMLElement} list @param {HTMLElement} count */
  constructor(list, count) {
    this.#list = list;
    this.#count = count;
  }

  /** @param {Visitor[]} visitors @param {string} me */
  reset(visitors, me) {
    this.#me = me;
    this.#visitors = new Map(visitors.map((visitor) => [visitor.id, visitor]));
    this.#show();
  }

  /** @param {Visitor} visitor */
  add(visitor) {
    this.#visitors.set(visitor.id, visitor);
    this.#show();
  }

  /** @param {Visitor} visitor */
  remove(visitor) {
    this.#visitors.delete(visitor.id);
    this.#show();
  }

  #show() {
    const sorted = [...this.#visitors.values()].sort((a, b) => {
      if (a.id === this.#me || b.id === this.#me) return a.id === this.#me ? -1 : 1;
      return a.name.localeCompare(b.name);
    });
    this.#list.replaceChildren(...sorted.map((visitor) => this.#entry(visitor)));
    this.#count.textContent = String(sorted.length);
  }

  /** @param {Visitor} visitor */
  #entry({ id, name }) {
    const entry = document.createElement('li');
    const label = document.createElement('span');
    label.className = 'person-name';
    label.dir = 'auto';
    label.textContent = name;
    label.title = name; // long names are cut off in the list
    entry.append(avatar(name), label);
    if (id === this.#me) {
      const you = document.createElement('span');
      you.className = 'you';
      you.textContent = 'you';
      entry.append(you);
    }
    return entry;
  }
}
