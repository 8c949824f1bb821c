import { avatar } from './avatar.js';

/** @typedef {{ id: string, name: string, timer?: ReturnType<typeof setTimeout> }} Person */

/** After a restart, the server knows only those who have reconnected: others have this long before they count as gone. */
const RETURN_MS = 10_000;

/** The list of people in the room: oneself first, then by name. */
export class People {
  /** Those with a timer have not come back since this page has reconnected. @type {Map<string, Person>} */
  #people = new Map();
  #me;
  #list;
  #count;
  #alone;
  #events;

  /**
   * @param {{ list: HTMLElement, count: HTMLElement, alone: HTMLElement }} elements
   * @param {string} me
   * @param {{ joined: (name: string) => void, left: (name: string) => void }} events
   */
  constructor({ list, count, alone }, me, events) {
    this.#list = list;
    this.#count = count;
    this.#alone = alone;
    this.#me = me;
    this.#events = events;
    this.#show();
  }

  /** @param {import('landspout/websocket/browser').TopicPresence} presence */
  changed({ members, joined, left, meta }) {
    if (members !== undefined) this.#reset(members.map(({ member, meta }) => personOf(member, meta)));
    if (joined !== undefined) this.#join(personOf(joined, meta));
    if (left !== undefined) this.#leave(left);
    this.#show();
  }

  close() {
    for (const { timer } of this.#people.values()) clearTimeout(timer);
    this.#people.clear();
  }

  /** @param {Person[]} present */
  #reset(present) {
    const missing = new Map(this.#people);
    for (const person of present) {
      clearTimeout(missing.get(person.id)?.timer);
      missing.delete(person.id);
      this.#people.set(person.id, person);
    }
    for (const person of missing.values()) {
      person.timer ??= setTimeout(() => {
        this.#leave(person.id);
        this.#show();
      }, RETURN_MS);
    }
  }

  /** @param {Person} person */
  #join(person) {
    const known = this.#people.get(person.id);
    clearTimeout(known?.timer);
    this.#people.set(person.id, person);
    if (known === undefined && person.id !== this.#me) this.#events.joined(person.name);
  }

  /** @param {string} id */
  #leave(id) {
    const person = this.#people.get(id);
    if (person === undefined) return;
    clearTimeout(person.timer);
    this.#people.delete(id);
    this.#events.left(person.name);
  }

  #show() {
    const sorted = [...this.#people.values()].sort((a, b) => {
      if (a.id === this.#me || b.id === this.#me) return a.id === this.#me ? -1 : 1;
      return a.name.localeCompare(b.name);
    });
    this.#list.replaceChildren(...sorted.map((person) => this.#entry(person)));
    this.#count.textContent = String(sorted.length);
    this.#alone.hidden = sorted.length !== 1;
  }

  /** @param {Person} person */
  #entry({ id, name, timer }) {
    const entry = document.createElement('li');
    entry.className = timer === undefined ? '' : 'away';
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

/** @param {string} id @param {unknown} meta @returns {Person} */
function personOf(id, meta) {
  return { id, name: /** @type {{ name: string }} */ (meta).name };
}
