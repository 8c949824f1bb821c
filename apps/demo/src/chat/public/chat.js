// The page of the room: connects input, connection and display.
import { MessageLog } from './message-log.js';
import { People } from './people.js';
import { RoomSocket } from './room-socket.js';

/** @typedef {import('./message-log.js').ChatMessage} ChatMessage */

/** Session storage key of what this tab remembers across reloads: the name, and the ids of its visitors. */
const STORE = 'landspout-chat';
const MOST_OWN_IDS = 20;

const door = byId('door');
const room = byId('room');
const joinForm = byId('join');
const nameInput = /** @type {HTMLInputElement} */ (byId('name'));
const joinProblem = byId('join-problem');
const state = byId('state');
const composer = byId('composer');
const input = /** @type {HTMLTextAreaElement} */ (byId('text'));
const sendButton = /** @type {HTMLButtonElement} */ (composer.querySelector('button'));
const notice = byId('notice');

const people = new People(byId('people'), byId('count'));
const log = new MessageLog({
  scroller: byId('scroller'),
  log: byId('log'),
  empty: byId('empty'),
  jump: /** @type {HTMLButtonElement} */ (byId('jump')),
});
const socket = new RoomSocket({ opened, received, waiting });

const store = readStore();
/** With the same session, a new connection continues as the same visitor. Another tab or a reload has its own. */
let session = newSession();
/** The room of this visit, and its last message on this page. @type {{ room: string, after: number } | undefined} */
let resume;
/** The name that the room assigned for this visit: "Ada 2" keeps it if all reconnect to a restarted room. */
let givenName = '';
/** Texts that were sent but not confirmed yet, in order. @type {string[]} */
let pending = [];
let unread = 0;

joinForm.addEventListener('submit', (event) => {
  event.preventDefault();
  store.name = nameInput.value.trim();
  if (store.name === '') return;
  joinProblem.textContent = '';
  givenName = '';
  socket.open();
  showState('connecting', 'Connecting…');
});

byId('leave').addEventListener('click', () => {
  socket.close();
  session = newSession();
  resume = undefined;
  pending = [];
  nameInput.value = store.name;
  store.name = '';
  saveStore();
  showRoom(false);
});

composer.addEventListener('submit', (event) => {
  event.preventDefault();
  const text = input.value.trim();
  if (text === '' || !socket.send({ type: 'say', text })) return;
  pending.push(text);
  notice.textContent = '';
  setInput('');
  input.focus();
});

input.addEventListener('input', () => setInput(input.value));
input.addEventListener('keydown', (event) => {
  // While an input method is active, Enter selects a word.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  /** @type {HTMLFormElement} */ (composer).requestSubmit();
});

document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') showUnread(0);
});

if (matchMedia('(max-width: 46rem)').matches) byId('people-details').removeAttribute('open');
if (store.name !== '') {
  showRoom(true);
  socket.open();
} else {
  nameInput.focus();
}

function opened() {
  socket.send({ type: 'join', name: givenName || store.name, session, ...(resume && { resume }) });
}

/** @param {any} message */
function received(message) {
  switch (message.type) {
    case 'welcome':
      return welcomed(message);
    case 'message':
      return said(message.message);
    case 'joined':
      people.add(message.visitor);
      return log.note(`${message.visitor.name} came in`);
    case 'left':
      people.remove(message.visitor);
      return log.note(`${message.visitor.name} left`);
    case 'refused':
      return message.what === 'name' ? nameRefused(message.reason) : textRefused(message.reason);
  }
}

/** @param {{ room: string, you: { id: string, name: string }, visitors: any[], messages: ChatMessage[] }} welcome */
function welcomed({ room: id, you, visitors, messages }) {
  socket.settled();
  store.own = [...store.own.filter((own) => own !== you.id), you.id].slice(-MOST_OWN_IDS);
  saveStore();
  givenName = you.name;
  if (resume?.room !== id) {
    // A restarted room numbers its messages from 1 again. Messages on the page are kept; a new visit starts empty.
    if (resume === undefined) log.clear();
    else log.markRestart();
    resume = { room: id, after: 0 };
  }
  people.reset(visitors, you.id);
  const entering = room.hidden;
  showRoom(true);
  showState('open', `You are ${you.name}`);
  const { after } = resume;
  const missed = messages.filter(({ number }) => number > after);
  log.addHistory(missed, isOwn);
  for (const message of missed) noted(message);
  restore(pending);
  pending = [];
  if (entering) input.focus();
}

/** @param {ChatMessage} message */
function said(message) {
  if (resume === undefined || message.number <= resume.after) return;
  log.add(message, isOwn(message));
  noted(message);
  if (document.visibilityState === 'hidden') showUnread(unread + 1);
}

/** @param {ChatMessage} message */
function noted(message) {
  if (resume !== undefined) resume.after = message.number;
  if (isOwn(message)) pending.shift();
}

/** @param {string} reason */
function nameRefused(reason) {
  socket.close();
  nameInput.value = store.name;
  store.name = '';
  saveStore();
  showRoom(false);
  joinProblem.textContent = reason;
  nameInput.focus();
}

/** @param {string} reason */
function textRefused(reason) {
  const text = pending.shift();
  if (text !== undefined) restore([text]);
  notice.textContent = reason;
}

/** @param {{ delayMs: number, full: boolean }} why */
function waiting({ delayMs, full }) {
  const seconds = Math.max(1, Math.round(delayMs / 1000));
  const why = full ? 'The room is full' : 'Connection lost';
  showState('waiting', `${why}, trying again in ${seconds} s`);
  joinProblem.textContent = room.hidden ? `${why}, trying again…` : '';
}

/** Puts texts that did not reach the room back into the input. @param {string[]} texts */
function restore(texts) {
  if (texts.length > 0) setInput([...texts, input.value].filter((text) => text !== '').join('\n'));
}

/** @param {string} text */
function setInput(text) {
  if (input.value !== text) input.value = text;
  input.style.height = 'auto'; // as high as its text, up to the limit in the style sheet
  input.style.height = `${input.scrollHeight}px`;
}

/** @param {'connecting' | 'open' | 'waiting'} name @param {string} text */
function showState(name, text) {
  state.dataset.state = name;
  state.textContent = text;
  // Not `disabled`, which would remove the focus from the button while a person is using it.
  sendButton.ariaDisabled = String(name !== 'open');
}

/** @param {boolean} inside */
function showRoom(inside) {
  if (room.hidden === !inside) return;
  room.hidden = !inside;
  door.hidden = inside;
  joinProblem.textContent = '';
  if (inside) log.toEnd();
  else nameInput.focus();
}

/** @param {number} count */
function showUnread(count) {
  unread = count;
  document.title = count === 0 ? 'Landspout chat' : `(${count}) Landspout chat`;
}

/** @param {ChatMessage} message */
function isOwn({ from }) {
  return store.own.includes(from.id);
}

function newSession() {
  // Not randomUUID, which browsers offer on secure pages only: the room may be open to the local network.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @returns {{ name: string, own: string[] }} */
function readStore() {
  try {
    const { name, own } = JSON.parse(sessionStorage.getItem(STORE) ?? '');
    if (typeof name === 'string' && Array.isArray(own)) return { name, own };
  } catch {
    // Nothing is stored yet, or the browser stores nothing: then the page asks for the name after a reload.
  }
  return { name: '', own: [] };
}

function saveStore() {
  try {
    sessionStorage.setItem(STORE, JSON.stringify(store));
  } catch {
    // The browser stores nothing; see `readStore`.
  }
}

/** @param {string} id @returns {HTMLElement} */
function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}
