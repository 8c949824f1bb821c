import { column, cost, overRow, user } from '../report.mjs';
import { server } from './http.mjs';

// What the scenes of topics in one process and across several share: rows, loads and columns.

/** Like a short message of a chat. */
export const TEXT_BYTES = 100;
/** Records before all connections must have them: about so many deliveries, at most so many records. */
const BURST = { deliveries: 5000, records: 64 };
/** What all rows compare with, those of event streams too. */
export const PEER = 'socket.io';
export const [WEBSOCKET, STREAM] = [{ door: 'websocket' }, { door: 'stream' }];
export const program = (name) => `topics/programs/${name}.mjs`;

/** A server, with the protocol of the load client and the door that it opens. */
export function row(id, title, backend, name, protocol, settings) {
  return { ...server(id, title, backend, program(name)), protocol, settings };
}

export const topics = (id, title, protocol, settings, backend = 'native') =>
  row(id, title, backend, 'topics', protocol, settings);

const burstOf = (connections) =>
  Math.max(1, Math.min(BURST.records, Math.floor(BURST.deliveries / connections)));

export const loadOf = (connections, burst = burstOf(connections)) => ({
  kind: 'topics',
  connections,
  burst,
  textBytes: TEXT_BYTES,
});

export const counted = (count, what) => `${count} ${what}${count === 1 ? '' : 's'}`;

/** The user part alone: both pay the kernel for one send of each delivery. */
export const userOver = column(
  `user x ${PEER}`,
  (row, rows) => {
    const other = rows.find(
      ({ section, how, id }) => section === row.section && how === row.how && id === PEER,
    );
    return other && user.read(row) / user.read(other);
  },
  2,
);
export const overPeer = [overRow(`x ${PEER}`, () => PEER), userOver];

export const costs = (each, ...more) => [
  ...cost(`CPU us/${each}`, 1e3),
  user,
  column('kernel', 'systemNs', 2, 1e3),
  ...more,
];
export const waits = [column('p50 ms', 'p50Us', 2, 1000), column('p99 ms', 'p99Us', 2, 1000)];
export const bytes = column('B/record', 'bytes');
