// The page of a response: reads a run, and notices what was tried.
import { showBeneath } from './beneath.js';
import { byId, randomKey } from './elements.js';
import { enableCopying } from './invitation.js';
import { Served } from './served.js';
import { TopicsClient } from './topics-client.js';
import { Tried } from './tried.js';

/** @typedef {{ text: string } | { continuedBy: { task: number | null, pid: number } }} Piece */

/** What has arrived this long after the page has connected was there before. */
const BEFORE_MS = 300;
/** Fewer words may have come meanwhile. */
const WORTH_NOTING = 12;
const ENDINGS = {
  finished: 'It is finished.',
  cancelled: 'It was cancelled.',
  failed: 'It has failed.',
  interrupted: 'It was interrupted, and does not go on.',
};

const article = document.querySelector('article');
if (article !== null) read(article.dataset.response ?? '');
else showOnly();

/** Without a response, what runs beneath the page is all there is to show. */
function showOnly() {
  const served = new Served('words');
  const client = new TopicsClient('/live', { onState: (status) => served.follow(status) });
  served.watch(client);
  showBeneath(client, served);
}

/** @param {string} id */
function read(id) {
  const state = byId('state');
  const cancel = byId('cancel');
  const text = byId('text');
  const tried = new Tried(id);
  /** @type {HTMLElement | undefined} */
  let paragraph;
  let words = 0;
  let isEnded = false;

  const served = new Served('words', (now, before) =>
    tried.note(
      now.startedAt === before.startedAt ? 'kill' : 'restart',
      now.startedAt === before.startedAt ? 'Another process serves this tab.' : 'The server was restarted.',
    ),
  );
  const client = new TopicsClient(`/live?tab=${randomKey()}`, {
    onState: (status) => {
      served.follow(status);
      showState(status);
    },
  });
  const run = client.run(id, {
    onPosition: () => setTimeout(noteBefore, BEFORE_MS),
    onRecord: (/** @type {Piece} */ piece, cursor) => {
      if (!('text' in piece)) return markContinuation(piece.continuedBy);
      served.record(cursor);
      add(piece.text);
    },
    onGap: () => served.gap(),
    onEnd: ({ how }) =>
      ended(/** @type {Record<string, string>} */ (ENDINGS)[how] ?? `It has ended: ${how}.`, how),
    onError: () => ended('It is no longer kept.', ''),
  });
  const readers = new Set();
  client.subscribe(`readers:${id}`, { onPresence: showReaders });
  served.watch(client);
  showBeneath(client, served, () => run.cursor);
  enableCopying();
  state.hidden = false;
  if (isReload()) tried.note('reload', 'The page was reloaded.');
  cancel.addEventListener('click', async () => {
    cancel.setAttribute('aria-disabled', 'true');
    byId('progress').textContent = 'Cancelling…';
    await run.cancel().catch(() => cancel.removeAttribute('aria-disabled'));
  });

  /** @param {string} piece */
  function add(piece) {
    if (words === 0) running();
    const isFollowing = innerHeight + scrollY >= document.documentElement.scrollHeight - 4;
    paragraph ??= text.appendChild(document.createElement('p'));
    paragraph.append(piece.trimEnd(), ' ');
    if (piece.endsWith('\n\n')) paragraph = undefined;
    words += 1;
    byId('words').textContent = String(words);
    if (isFollowing && scrollY > 0) scrollTo(0, document.documentElement.scrollHeight);
  }

  function running() {
    byId('progress').textContent = 'It is being written…';
    cancel.hidden = false;
  }

  /** Another process has gone on from here. @param {{ task: number | null, pid: number }} by */
  function markContinuation({ task }) {
    const mark = document.createElement('span');
    mark.className = 'mark';
    mark.textContent = task === null ? 'the server was restarted here' : `process ${task + 1} goes on here`;
    (paragraph ?? text).append(mark, ' ');
  }

  function noteBefore() {
    if (words > WORTH_NOTING && !isEnded && byId('note').textContent === '')
      byId('note').textContent = `The first ${words} words were there when this page was opened.`;
  }

  /** @param {string} sentence @param {string} how */
  function ended(sentence, how) {
    isEnded = true;
    byId('progress').textContent = sentence;
    byId('note').textContent = '';
    text.setAttribute('aria-busy', 'false');
    cancel.hidden = true;
    if (how === 'cancelled') tried.note('cancel', 'It was cancelled.');
  }

  /** @param {{ state: string, retryInMs: number | undefined }} status */
  function showState({ state: now, retryInMs }) {
    if (now === 'open') {
      state.dataset.state = 'open';
      state.textContent = 'Connected';
      if (words > 0 && !isEnded) running();
    } else if (now === 'waiting' && retryInMs !== undefined) {
      state.dataset.state = 'waiting';
      state.textContent = served.notice ?? 'The server does not respond. This page tries again by itself.';
      if (!isEnded) byId('progress').textContent = 'It waits for the server.';
    }
  }

  /** @param {import('landspout/websocket/browser').TopicPresence} presence */
  function showReaders({ members, joined, left }) {
    if (members !== undefined) readers.clear();
    for (const { member } of members ?? []) readers.add(member);
    if (joined !== undefined) readers.add(joined);
    readers.delete(left);
    byId('readers').textContent = readers.size > 1 ? `, ${readers.size} tabs read along` : '';
    if (readers.size > 1) tried.note('tab', 'A second tab reads along.');
  }
}

function isReload() {
  const [navigation] = performance.getEntriesByType('navigation');
  return /** @type {PerformanceNavigationTiming | undefined} */ (navigation)?.type === 'reload';
}
