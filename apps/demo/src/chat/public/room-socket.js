/**
 * The connection to the room. It reconnects automatically: with a growing delay after each failure, and at once when
 * the machine is online again or the person returns to the page.
 */

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;
/** The server is full at the moment (registered close code 1013): there is no reason to hurry. */
const TRY_AGAIN_LATER = 1013;

/**
 * @typedef {object} RoomSocketEvents
 * @property {() => void} opened
 * @property {(message: any) => void} received
 * @property {(why: { delayMs: number, full: boolean }) => void} waiting connection lost; next attempt in `delayMs`.
 */

export class RoomSocket {
  /** @type {WebSocket | undefined} */
  #socket;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #failures = 0;
  #events;

  /** @param {RoomSocketEvents} events */
  constructor(events) {
    this.#events = events;
    addEventListener('online', () => this.#hurry());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#hurry();
    });
  }

  open() {
    this.close();
    const address = new URL('/room', location.href);
    address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(address);
    this.#socket = socket;
    socket.onopen = () => this.#events.opened();
    socket.onmessage = ({ data }) => this.#events.received(JSON.parse(data));
    socket.onclose = ({ code }) => this.#lost(code);
  }

  /** Closes the connection for good: no more events follow. */
  close() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close(1000);
  }

  /**
   * Call it after the room has responded: the next failure counts as the first. An open connection alone is not enough.
   */
  settled() {
    this.#failures = 0;
  }

  /** @param {object} message @returns whether the connection was open, so that it was sent. */
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** @param {number} code */
  #lost(code) {
    this.#socket = undefined;
    const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#failures);
    this.#failures += 1;
    // Randomised, so that not all pages reconnect to a restarted server at the same moment.
    const delayMs = longest * (0.5 + Math.random() / 2);
    this.#timer = setTimeout(() => this.open(), delayMs);
    this.#events.waiting({ delayMs, full: code === TRY_AGAIN_LATER });
  }

  #hurry() {
    if (this.#timer !== undefined) this.open();
  }
}
