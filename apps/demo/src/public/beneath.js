import { byId } from './elements.js';

const TRANSPORTS = { websocket: 'WebSocket', 'event-stream': 'Event stream', 'long-poll': 'Long poll' };
const REFRESH_MS = 1_000;

const timeOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

/** @typedef {import('./topics-client.js').TopicsClient} TopicsClient */
/** @typedef {{ backend: string, startedAt: number, connections: number }} Status */

/** The process that this page has seen last, also over several clients. @type {number | undefined} */
let knownStart;

/**
 * Shows what runs beneath the page, until the client is closed.
 *
 * @param {TopicsClient} client
 * @param {() => string | undefined} [cursor] - of what the page reads.
 * @param {() => void} [onRestart] - called when the page has reached another process than before.
 */
export function showBeneath(client, cursor, onRestart) {
  client.subscribe('status', {
    last: 1,
    onRecord(/** @type {Status} */ { backend, startedAt, connections }) {
      show('backend', backend);
      show('connections', String(connections));
      show('startedAt', timeOfDay.format(startedAt));
      if (knownStart !== undefined && knownStart !== startedAt) onRestart?.();
      knownStart = startedAt;
    },
  });
  const refresh = () => {
    const { transport, roundTripMs, state } = client;
    show('transport', transport === undefined ? 'nothing at the moment' : TRANSPORTS[transport]);
    show('roundTrip', roundTripMs === undefined ? '–' : `${roundTripMs.toFixed(1)} ms`);
    show('cursor', cursor?.() ?? '–');
    if (state === 'closed') clearInterval(timer);
  };
  const timer = setInterval(refresh, REFRESH_MS);
  refresh();
}

/** @param {string} fact @param {string} text */
function show(fact, text) {
  const element = byId('beneath').querySelector(`[data-fact="${fact}"]`);
  if (element !== null && element.textContent !== text) element.textContent = text;
}
