import { avatar, hue } from './avatar.js';

/** @typedef {{ from: { id: string, name: string }, text: string, at: number, key: string }} ChatMessage */

/** Messages of one person within this time are grouped under one name. */
const TOGETHER_MS = 5 * 60_000;
/** Within this distance, the log counts as scrolled to the end. */
const END_PX = 48;
/** After each connection, what arrives within this time has been said before. */
const HISTORY_MS = 300;
/** Limit for the entries on the page: a tab that is open for weeks must not grow without end. */
const MOST_ENTRIES = 500;

const timeOfDay = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const fullDate = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' });
const dayName = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });

/** The conversation on the screen. All text is inserted as text, never as markup. */
export class MessageLog {
  /** @type {{ from: string, name: string, at: number } | undefined} */
  #previous;
  #day = '';
  #unseen = 0;
  #scroller;
  #log;
  #outgoing;
  #empty;
  #jump;
  /** Own messages that are not confirmed yet, by their keys. @type {Map<string, HTMLElement>} */
  #unconfirmed = new Map();

  /**
   * @param {{ scroller: HTMLElement, log: HTMLElement, outgoing: HTMLElement, empty: HTMLElement, jump: HTMLButtonElement }} elements
   */
  constructor({ scroller, log, outgoing, empty, jump }) {
    this.#scroller = scroller;
    this.#log = log;
    this.#outgoing = outgoing;
    this.#empty = empty;
    this.#jump = jump;
    scroller.addEventListener('scroll', () => this.#atEnd() && this.#seen());
    jump.addEventListener('click', () => {
      scroller.focus(); // the button disappears, so keep the focus in the conversation
      this.toEnd();
    });
    // Typing, or the keyboard of a phone, makes the log smaller: keep its end visible.
    let following = true;
    scroller.addEventListener('scroll', () => {
      following = this.#atEnd();
    });
    new ResizeObserver(() => following && this.toEnd()).observe(scroller);
  }

  get isEmpty() {
    return this.#log.querySelector('.message') === null;
  }

  clear() {
    this.#log.replaceChildren();
    this.#outgoing.replaceChildren();
    this.#unconfirmed.clear();
    this.#previous = undefined;
    this.#day = '';
    this.#empty.hidden = false;
    this.#seen();
  }

  /** Called when the page has connected: screen readers do not read aloud what was said before. */
  expectHistory() {
    this.#log.setAttribute('aria-live', 'off');
    setTimeout(() => this.#log.setAttribute('aria-live', 'polite'), HISTORY_MS);
  }

  /** @param {ChatMessage} message @param {boolean} own */
  add(message, own) {
    const { from, at, key } = message;
    if (own) this.removeOutgoing(key);
    this.#showDay(at);
    const before = this.#previous;
    const together =
      before !== undefined &&
      before.from === from.id &&
      before.name === from.name &&
      at - before.at < TOGETHER_MS;
    this.#previous = { from: from.id, name: from.name, at };
    const entry = document.createElement('li');
    entry.className = `message${own ? ' own' : ''}${together ? ' together' : ''}`;
    if (!own) entry.append(avatar(from.name));
    entry.append(bubble(message, own));
    this.#append(entry, own, !own);
  }

  /** Shows a message that was sent and is not confirmed yet. @param {string} key @param {string} text */
  addOutgoing(key, text) {
    const entry = document.createElement('li');
    entry.className = 'message own';
    const words = document.createElement('span');
    words.className = 'text';
    words.dir = 'auto';
    words.textContent = text;
    const heading = document.createElement('div');
    heading.className = 'heading';
    heading.textContent = 'on its way…';
    const element = document.createElement('div');
    element.className = 'bubble';
    element.append(words, heading);
    entry.append(element);
    this.#unconfirmed.set(key, entry);
    this.#outgoing.append(entry);
    this.#empty.hidden = true;
    this.toEnd();
  }

  /** @param {string} key */
  removeOutgoing(key) {
    this.#unconfirmed.get(key)?.remove();
    this.#unconfirmed.delete(key);
  }

  /** Adds a line about the room itself. @param {string} text */
  note(text) {
    this.#addLine('note', text);
  }

  /** Adds a line across the log, about the server. @param {string} text */
  mark(text) {
    this.#addLine('restart', text);
  }

  toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#seen();
  }

  /** @param {'note' | 'restart'} kind @param {string} text */
  #addLine(kind, text) {
    this.#previous = undefined;
    const entry = document.createElement('li');
    entry.className = kind;
    entry.dir = 'auto';
    entry.textContent = text;
    this.#append(entry, false, false);
  }

  /** @param {HTMLElement} entry @param {boolean} follow @param {boolean} counts */
  #append(entry, follow, counts) {
    const atEnd = this.#atEnd();
    this.#log.append(entry);
    while (this.#log.childElementCount > MOST_ENTRIES) this.#log.firstElementChild?.remove();
    this.#empty.hidden = true;
    if (atEnd || follow) this.toEnd();
    else if (counts) this.#notSeen();
  }

  #notSeen() {
    this.#unseen += 1;
    this.#jump.textContent = this.#unseen === 1 ? '1 new message' : `${this.#unseen} new messages`;
    this.#jump.hidden = false;
  }

  #seen() {
    this.#unseen = 0;
    this.#jump.hidden = true;
  }

  #atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < END_PX;
  }

  /** @param {number} at */
  #showDay(at) {
    const day = dayName.format(at);
    if (day === this.#day) return;
    this.#day = day;
    this.#previous = undefined;
    const entry = document.createElement('li');
    entry.className = 'day';
    entry.textContent = day === dayName.format(Date.now()) ? 'Today' : day;
    this.#append(entry, false, false);
  }
}

/** @param {ChatMessage} message @param {boolean} own @returns {HTMLElement} */
function bubble({ from, text, at }, own) {
  const author = document.createElement('span');
  author.className = own ? 'author unseen' : 'author';
  author.dir = 'auto';
  author.textContent = own ? 'You' : from.name;
  author.style.setProperty('--hue', String(hue(from.name)));
  const words = document.createElement('span');
  words.className = 'text';
  words.dir = 'auto';
  words.textContent = text;
  const time = document.createElement('time');
  time.dateTime = new Date(at).toISOString();
  time.title = fullDate.format(at);
  time.textContent = timeOfDay.format(at);
  const heading = document.createElement('div');
  heading.className = 'heading';
  heading.append(author, time);
  const element = document.createElement('div');
  element.className = 'bubble';
  element.append(heading, words);
  return element;
}
