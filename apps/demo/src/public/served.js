// Which process serves this tab, and whether anything is lost when that changes.
import { byId, xsrfToken } from './elements.js';

/** @typedef {import('./topics-client.js').TopicsClient} TopicsClient */
/** @typedef {{ id: string, startedAt: number, task: number | null, pid: number, processes: number, backplane: string, backend: string, mayKill: boolean, isStopping: boolean }} Facts */

/** Most cursors that are remembered to notice a record that comes twice: more than any reconnection repeats. */
const MOST_CURSORS = 5_000;

/** Shows the process in the footer, kills it if asked to, and counts what arrives. */
export class Served {
  #footer = byId('served');
  #button = /** @type {HTMLButtonElement} */ (byId('kill'));
  #line = byId('survival');
  #unit;
  #onMoved;
  /** @type {Facts | undefined} */
  #facts;
  /** The process that is gone, and why. @type {{ facts: Facts, how: string, at: number } | undefined} */
  #gone;
  #isKilling = false;
  #came = '';
  #cursors = new Set();
  #counts = { records: 0, missed: 0, doubled: 0 };

  /**
   * @param {string} unit - what the records are called.
   * @param {(now: Facts, before: Facts) => void} [onMoved] - called when another process serves the tab.
   */
  constructor(unit, onMoved) {
    this.#unit = unit;
    this.#onMoved = onMoved;
    this.#button.addEventListener('click', () => void this.#kill());
  }

  /** Of the process that serves the tab, or has served it last. */
  get facts() {
    return this.#facts;
  }

  /** What the process has announced, if it stops. */
  get notice() {
    return this.#facts?.isStopping ? announceStop(this.#facts) : undefined;
  }

  /** Counts from now on. @param {TopicsClient} client */
  watch(client) {
    this.#cursors.clear();
    this.#restart();
    client.subscribe('process', { last: 1, onRecord: (/** @type {Facts} */ facts) => this.#show(facts) });
  }

  /** @param {string} cursor */
  record(cursor) {
    if (this.#cursors.has(cursor)) this.#counts.doubled += 1;
    else this.#counts.records += 1;
    this.#cursors.add(cursor);
    if (this.#cursors.size > MOST_CURSORS) this.#cursors.delete(this.#cursors.values().next().value);
    this.#showCounts();
  }

  /** Some records are no longer kept. */
  gap() {
    this.#counts.missed += 1;
    this.#showCounts();
  }

  /** Called with each state of the client. @param {import('landspout/websocket/browser').TopicsStatus} status */
  follow({ state, transport, retryInMs }) {
    if (state === 'waiting' && retryInMs !== undefined) this.#lost();
    // Over a WebSocket, the process says at each connection what it is. Over HTTP, it is still the same unless it does.
    if (state === 'open' && transport !== 'websocket' && this.#facts !== undefined) this.#show(this.#facts);
    if (state === 'closed') this.#left();
  }

  #lost() {
    if (this.#facts === undefined || this.#gone !== undefined) return;
    const how = this.#isKilling ? 'was killed' : this.notice === undefined ? 'was lost' : 'was stopped';
    this.#gone = { facts: this.#facts, how, at: performance.now() };
    this.#restart();
    this.#footer.textContent = this.notice ?? 'No process serves this tab at the moment.';
  }

  /** The page itself has closed the connection. */
  #left() {
    this.#footer.hidden = true;
    this.#facts = undefined;
    this.#gone = undefined;
    this.#came = '';
    this.#line.textContent = '';
  }

  /** @param {Facts} facts */
  #show(facts) {
    const before = this.#facts;
    this.#facts = facts;
    this.#footer.hidden = false;
    this.#footer.replaceChildren(...(this.notice === undefined ? describe(facts) : [this.notice]));
    this.#button.hidden = !facts.mayKill;
    if (this.#gone !== undefined) this.#cameBack(facts, this.#gone);
    if (before !== undefined && before.id !== facts.id) this.#onMoved?.(facts, before);
  }

  /** @param {Facts} facts @param {{ facts: Facts, how: string, at: number }} gone */
  #cameBack(facts, { facts: before, how, at }) {
    const seconds = ((performance.now() - at) / 1_000).toFixed(1);
    const same = before.id === facts.id;
    this.#came = same
      ? `The connection to ${nameOf(facts)} was lost for ${seconds} s.`
      : `${capital(nameOf(before))} ${how}. ${seconds} s later, this tab came back by ${nameOf(facts)}.`;
    this.#gone = undefined;
    this.#isKilling = false;
    this.#button.removeAttribute('aria-disabled');
    this.#showCounts();
  }

  #restart() {
    this.#counts = { records: 0, missed: 0, doubled: 0 };
  }

  #showCounts() {
    const { records, missed, doubled } = this.#counts;
    if (this.#came === '') return;
    this.#line.textContent = `${this.#came} Since then: ${records} ${this.#unit}, ${missed} missed, ${doubled} doubled.`;
  }

  async #kill() {
    if (this.#facts === undefined || this.#isKilling || this.#gone !== undefined) return;
    this.#isKilling = true;
    this.#button.setAttribute('aria-disabled', 'true');
    const response = await fetch('/kill', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-XSRFToken': xsrfToken() },
      body: JSON.stringify({ pid: this.#facts.pid }),
    }).catch(() => undefined);
    // Without a response, the process that was killed had the request.
    if (response === undefined || response.ok) return;
    this.#isKilling = false;
    this.#button.removeAttribute('aria-disabled');
    this.#line.textContent = 'The server refuses to kill it. Reload the page and try again.';
  }
}

/** @param {Facts} facts */
export function nameOf({ task, pid }) {
  return task === null ? `process ${pid}` : `process ${task + 1} (pid ${pid})`;
}

/** Two parts, between which a line may break. @param {Facts} facts @returns {HTMLElement[]} */
function describe({ task, pid, processes, backplane }) {
  const served =
    task === null
      ? `Served by process ${pid}, the only one`
      : `Served by process ${task + 1} of ${processes} (task ${task}, pid ${pid})`;
  return [`${served} · `, `backplane: ${backplane}`].map((text) => {
    const part = document.createElement('span');
    part.textContent = text;
    return part;
  });
}

/** @param {Facts} facts */
function announceStop({ task }) {
  return `${task === null ? 'The server' : `Process ${task + 1}`} stops. This tab comes back by itself.`;
}

/** @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
