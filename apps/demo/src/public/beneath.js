import { byId } from './elements.js';

const TRANSPORTS = { websocket: 'WebSocket', 'event-stream': 'Event stream', 'long-poll': 'Long poll' };
const REFRESH_MS = 1_000;

const timeOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

/** @typedef {import('./topics-client.js').TopicsClient} TopicsClient */
/** @typedef {import('./served.js').Facts} Facts */

/**
 * Shows what runs beneath the page, until the client is closed.
 *
 * @param {TopicsClient} client
 * @param {import('./served.js').Served} served
 * @param {() => string | undefined} [cursor] - of what the page reads.
 */
export function showBeneath(client, served, cursor) {
  /** The processes that serve the tabs, by the members of the topic. @type {Map<string, string>} */
  const tabs = new Map();
  client.subscribe('tabs', {
    onPresence({ members, joined, left, meta }) {
      if (members !== undefined) tabs.clear();
      for (const { member, meta } of members ?? []) tabs.set(member, processOf(meta));
      if (joined !== undefined) tabs.set(joined, processOf(meta));
      if (left !== undefined) tabs.delete(left);
      refresh();
    },
  });
  const refresh = () => {
    const { transport, roundTripMs, state } = client;
    const { facts } = served;
    show('transport', transport === undefined ? 'nothing at the moment' : TRANSPORTS[transport]);
    show('roundTrip', roundTripMs === undefined ? '–' : `${roundTripMs.toFixed(1)} ms`);
    show('tabs', tabsText([...tabs.values()], facts));
    show('backend', facts?.backend ?? '–');
    show('startedAt', facts === undefined ? '–' : timeOfDay.format(facts.startedAt));
    show('cursor', cursor?.() ?? '–');
    if (state === 'closed') clearInterval(timer);
  };
  const timer = setInterval(refresh, REFRESH_MS);
  refresh();
}

/** @param {unknown} meta @returns {string} */
function processOf(meta) {
  return /** @type {{ process: string }} */ (meta).process;
}

/** @param {string[]} processes @param {Facts | undefined} facts */
function tabsText(processes, facts) {
  const here = processes.filter((process) => process === facts?.id).length;
  return here === processes.length ? `${here}` : `${processes.length}, ${here} of them at this process`;
}

/** @param {string} fact @param {string} text */
function show(fact, text) {
  const element = byId('beneath').querySelector(`[data-fact="${fact}"]`);
  if (element !== null && element.textContent !== text) element.textContent = text;
}
