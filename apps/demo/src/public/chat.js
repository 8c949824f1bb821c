// The page of a room: connects input, topics and display.
import { showBeneath } from './beneath.js';
import { byId, randomKey, store, stored, xsrfToken } from './elements.js';
import { enableCopying } from './invitation.js';
import { MessageLog } from './message-log.js';
import { People } from './people.js';
import { nameOf, Served } from './served.js';
import { TopicsClient } from './topics-client.js';

/** @typedef {import('./message-log.js').ChatMessage} ChatMessage */
/** @typedef {{ id: string, name: string, pass: string }} Visitor - with the pass, another page continues as the same. */

const STORE = 'landspout-chat';
/** Messages on the page when it opens. */
const HISTORY = 100;
/** While there is no connection, messages wait for this long. */
const SEND_LIMIT_MS = 10 * 60_000;

const door = byId('door');
const room = byId('room');
const joinForm = byId('join');
const nameInput = /** @type {HTMLInputElement} */ (byId('name'));
const joinProblem = byId('join-problem');
const state = byId('state');
const leaveButton = byId('leave');
const composer = byId('composer');
const input = /** @type {HTMLTextAreaElement} */ (byId('text'));
const notice = byId('notice');
const { room: roomId = '', name: roomName = '' } = room.dataset;
const topic = `room:${roomId}`;
const title = document.title;

const log = new MessageLog({
  scroller: byId('scroller'),
  log: byId('log'),
  outgoing: byId('outgoing'),
  empty: byId('empty'),
  jump: /** @type {HTMLButtonElement} */ (byId('jump')),
});

const served = new Served('messages', (now, before) =>
  log.mark(
    now.startedAt === before.startedAt
      ? `This tab came back by ${nameOf(now)}, and the talk goes on.`
      : 'The server was restarted, and the talk goes on.',
  ),
);

/** Who this tab is, also after a reload; `isInside` if it has not left. @type {(Visitor & { isInside: boolean }) | null} */
let visitor = /** @type {any} */ (stored(STORE));
/** @type {TopicsClient | undefined} */
let client;
let unread = 0;

enableCopying();

joinForm.addEventListener('submit', (event) => {
  event.preventDefault();
  const name = nameInput.value.trim();
  if (name !== '') void join(name);
});

leaveButton.addEventListener('click', () => {
  client?.close();
  if (visitor !== null) {
    nameInput.value = visitor.name;
    keep({ ...visitor, isInside: false });
  }
  showRoom(false);
});

composer.addEventListener('submit', (event) => {
  event.preventDefault();
  const text = input.value.trim();
  if (text === '' || client === undefined) return;
  void send(client, text);
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
if (visitor?.isInside) enter(visitor);
else {
  nameInput.value ||= visitor?.name ?? '';
  nameInput.focus();
}
// Before this script has run, the browser would load the page anew.
byId('enter').removeAttribute('disabled');

/** Asks the server for a pass. @param {string} name */
async function join(name) {
  joinProblem.textContent = '';
  const response = await fetch('/visitors', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-XSRFToken': xsrfToken() },
    body: JSON.stringify({ name, pass: visitor?.pass }),
  }).catch(() => undefined);
  const body = await response?.json().catch(() => undefined);
  if (response?.ok) {
    keep({ ...body, isInside: true });
    log.clear();
    enter(body);
  } else {
    showRoom(false);
    joinProblem.textContent = body?.problem ?? 'The server does not respond. Try again in a moment.';
    nameInput.focus();
  }
}

/** @param {Visitor} you */
function enter(you) {
  client?.close();
  const { id, pass, name } = you;
  const query = new URLSearchParams({ room: roomId, pass });
  const topics = new TopicsClient(`/live?${query}`, {
    onState: (status) => {
      served.follow(status);
      showState(status, name);
    },
  });
  client = topics;
  const people = new People({ list: byId('people'), count: byId('count'), alone: byId('alone') }, id, {
    joined: (who) => log.note(`${who} came in`),
    left: (who) => log.note(`${who} left`),
  });
  const subscription = topics.subscribe(topic, {
    last: HISTORY,
    onPosition: () => log.expectHistory(),
    onRecord: (/** @type {ChatMessage} */ message, cursor) => {
      served.record(cursor);
      said(message, message.from.id === id);
    },
    // A room in which nothing was said begins anew with each start of the server.
    onGap: ({ reason }) => {
      served.gap();
      if (log.isEmpty) return;
      log.mark(reason === 'reset' ? 'The room began anew here.' : 'Some messages are no longer kept.');
    },
    onPresence: (presence) => people.changed(presence),
    onError: (error) => {
      people.close();
      // The server does not know the pass, because its folder was removed or 31 days have passed.
      if (topics.state !== 'closed') void join(name);
      else console.debug(error.message);
    },
  });
  for (const link of document.querySelectorAll('.rooms a:not([aria-current])')) countOthers(topics, link);
  served.watch(topics);
  showBeneath(topics, served, () => subscription.cursor);
  showRoom(true);
  input.focus();
}

/** Shows how much is said in another room meanwhile. @param {TopicsClient} topics @param {Element} link */
function countOthers(topics, link) {
  const badge = /** @type {HTMLElement} */ (link.querySelector('.unread'));
  let count = 0;
  topics.subscribe(`room:${/** @type {HTMLElement} */ (link).dataset.room}`, {
    onRecord() {
      count += 1;
      badge.hidden = false;
      badge.textContent = `${count} new`;
    },
  });
}

/** @param {TopicsClient} topics @param {string} text */
async function send(topics, text) {
  const key = randomKey();
  log.addOutgoing(key, text);
  try {
    await topics.publish(topic, { text, key }, { ref: key, timeoutMs: SEND_LIMIT_MS });
  } catch (error) {
    log.removeOutgoing(key);
    setInput([text, input.value].filter((part) => part !== '').join('\n'));
    const isInvalid = /** @type {{ code?: string }} */ (error).code === 'ERR_TOPICS_INVALID_DATA';
    notice.textContent = isInvalid
      ? 'There is nothing to read in that message.'
      : 'It is not certain that this message has reached the room.';
  }
}

/** @param {ChatMessage} message @param {boolean} isOwn */
function said(message, isOwn) {
  log.add(message, isOwn);
  if (document.visibilityState === 'hidden') showUnread(unread + 1);
}

/** @param {string} text */
function setInput(text) {
  if (input.value !== text) input.value = text;
  input.style.height = 'auto'; // as high as its text, up to the limit in the style sheet
  input.style.height = `${input.scrollHeight}px`;
}

/** @param {{ state: string, retryInMs: number | undefined }} status @param {string} name */
function showState({ state: now, retryInMs }, name) {
  if (now === 'open') {
    state.dataset.state = 'open';
    state.textContent = `You are ${name}`;
  } else if (now === 'waiting' && retryInMs !== undefined) {
    state.dataset.state = 'waiting';
    state.textContent = served.notice ?? 'Connection lost, trying again…';
  }
}

/** @param {boolean} inside */
function showRoom(inside) {
  if (room.hidden === !inside) return;
  room.hidden = !inside;
  state.hidden = !inside;
  leaveButton.hidden = !inside;
  door.hidden = inside;
  joinProblem.textContent = '';
  if (inside) log.toEnd();
  else nameInput.focus();
}

/** @param {number} count */
function showUnread(count) {
  unread = count;
  document.title = count === 0 ? title : `(${count}) ${roomName}`;
}

/** @param {Visitor & { isInside: boolean }} who */
function keep(who) {
  visitor = who;
  store(STORE, who);
}
