import { readFileSync } from 'node:fs';
import { SPARE_FILES } from '../machine.mjs';
import { choose, rowsOf } from '../options.mjs';
import { aim, cheaperThan, column, load, overRow } from '../report.mjs';
import { ACROSS_AIMS, ACROSS_SCENES, ACROSS_SECTIONS, ACROSS_SERVERS } from './across.mjs';
import { server } from './http.mjs';
import {
  bytes,
  costs,
  counted,
  loadOf,
  overPeer,
  PEER,
  program,
  row,
  STREAM,
  TEXT_BYTES,
  topics,
  userOver,
  WEBSOCKET,
  waits,
} from './topics-parts.mjs';

const DURABILITIES = ['process', 'batched', 'each'];
/** One door over each backplane. */
const door = (id, name, protocol, settings) => [
  topics(id, `${name}, memory`, protocol, settings),
  topics(`${id}-portable`, `${name}, memory, portable`, protocol, settings, 'portable'),
  ...DURABILITIES.map((durability) =>
    topics(`${id}-${durability}`, `${name}, journal, ${durability}`, protocol, { ...settings, durability }),
  ),
];
const FLOORS = { floor: 'floor', stream: 'floor-stream' };
const SERVERS = [
  row(FLOORS.floor, 'bare broadcast (floor)', 'native', 'floor', 'bare', WEBSOCKET),
  topics('attach', 'topic.attach, memory', 'topics', { door: 'attach' }),
  ...door('topics', 'TopicHandler', 'topics', WEBSOCKET),
  row(PEER, 'Socket.IO', 'socket.io', 'socket-io', 'socket.io', {}),
  row(FLOORS.stream, 'bare events (floor)', 'native', 'floor', 'stream', STREAM),
  ...door('stream', 'event stream', 'stream', STREAM),
];
const isPlain = ({ id }) => !/-(portable|batched|each)$/.test(id) && id !== 'attach';

/** Who publishes without a subscriber. */
const publisher = (id, title, backend, settings) => ({
  ...server(id, title, backend, program('publish')),
  settings,
});
const PUBLISHERS = [
  publisher('topics', 'memory', 'native', {}),
  ...DURABILITIES.map((durability) =>
    publisher(`topics-${durability}`, `journal, ${durability}`, 'native', { durability }),
  ),
  publisher(PEER, 'Socket.IO', 'socket.io', { kind: 'socket.io' }),
];

const OWN = 'a topic of its own';

/** The scenes of each section, and which rows they have. */
const SCENES = {
  delivery: ({ connections, many }) =>
    [...new Set([1, connections, many])].map((count) => ({
      how: counted(count, 'subscriber'),
      measure: 'load',
      load: loadOf(count),
      servers: SERVERS,
    })),
  resume: ({ clients, behind }) => [
    {
      how: `${counted(clients, 'client')}, ${counted(behind, 'record')} behind`,
      measure: 'resume',
      load: loadOf(clients, 1),
      settings: { behind },
      servers: SERVERS.filter(isPlain),
    },
  ],
  idle: ({ idle: wanted, files }) => {
    const idle = Math.min(wanted, files - SPARE_FILES);
    const scene = (how, subscriptions) => ({
      how: `${counted(idle, 'connection')}, ${how}`,
      measure: 'subscriptions',
      load: loadOf(idle, 1),
      idle,
      subscriptions,
      servers: SERVERS.filter((one) => isPlain(one) && !one.id.endsWith('-process')),
    });
    if (idle === 0) return [];
    const [one, ten, own] = [
      scene('one topic', { each: 1, own: false }),
      scene('the same ten topics', { each: 10, own: false }),
      scene(OWN, { each: 1, own: true }),
    ];
    const several = ({ protocol }) => !['bare', 'stream'].includes(protocol);
    return [one, ...[ten, own].map((more) => ({ ...more, servers: more.servers.filter(several) }))];
  },
  publish: ({ warmupMs, measureMs }) =>
    [1, 100].map((inFlight) => ({
      how: `${inFlight} at once`,
      measure: 'self',
      settings: { inFlight, warmupMs, measureMs },
      servers: PUBLISHERS,
    })),
  ...ACROSS_SCENES,
};

/** Each server in each scene that it has. @param {object} options - `only`, `rows`, and the numbers of topics. */
export function topicsRows(options) {
  const ids = [...new Set([...SERVERS, ...ACROSS_SERVERS].map(({ id }) => id))];
  const chosen = new Set(choose('row', options.rows, ids));
  return rowsOf(SCENES, options).flatMap(({ servers, ...scene }) =>
    servers
      .filter(({ id }) => chosen.has(id))
      .map(({ protocol, ...one }) => {
        const { burst, textBytes } = scene.load ?? { textBytes: TEXT_BYTES };
        const settings = { burst, textBytes, ...scene.settings, ...one.settings };
        const load = scene.load && { ...scene.load, protocol };
        return { ...scene, ...one, settings, load };
      }),
  );
}

/** The floor of the same protocol. */
const overFloor = overRow('x floor', ({ id }) => (id.includes('stream') ? FLOORS.stream : FLOORS.floor));

/** Above a connection without a subscription; of event streams, which have none such, above that of the floor. */
const eachBytes = (head, name) =>
  column(head, ({ id, how, subscription, connection }, rows) => {
    if (subscription !== undefined) return subscription[name];
    const floor = rows.find((other) => other.id === FLOORS.stream && other.how === how)?.connection;
    return id.startsWith('stream') && floor ? connection[name] - floor[name] : undefined;
  });
const heapEach = eachBytes('heap B/subscription', 'heapBytes');
/** Without the topics that a subscription keeps alone. */
const heapOfShared = {
  ...heapEach,
  read: (row, rows) => (row.how.endsWith(OWN) ? undefined : heapEach.read(row, rows)),
};

/** From the file: not every package exports it. */
const versionOf = (name) =>
  JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
const MEMORY = ['topics', 'stream'];

export const topicsTable = {
  rowsOf: topicsRows,
  versions: {
    'Socket.IO': versionOf('socket.io'),
    'its Redis Streams adapter': versionOf('@socket.io/redis-streams-adapter'),
  },
  about: `records with ${TEXT_BYTES} bytes of text, published by the server itself, each in a turn of its own; no pings, no compression,
TCP_NODELAY, NODE_ENV=production; the client polls, and checks on each connection the order, the number and the data of all
records; "kernel" is the system time in the CPU time, p50 and p99 the time from the call of publish to the client,
"B/record" all bytes that came for one delivery; "x floor" compares with the floor of the same protocol`,
  sections: {
    delivery: {
      about:
        'From publish to delivery, with all subscribers on one topic; the next burst after all have the one before',
      columns: [...costs('delivery', overFloor, ...overPeer), ...load('deliveries/s'), ...waits, bytes],
    },
    resume: {
      about: `All clients were away and come back at once, each with its cursor; the floor sends the last records to everyone.
p50 and p99 are the time of a client from connecting to its last record`,
      columns: [...costs('record', overFloor, ...overPeer), ...load('records/s'), ...waits, bytes],
    },
    idle: {
      about: 'Memory of idle connections and of their subscriptions, at rest and after a collection',
      columns: [
        column('heap B/connection', 'connection.heapBytes'),
        column('resident', 'connection.residentBytes'),
        heapEach,
        eachBytes('resident', 'residentBytes'),
      ],
    },
    publish: {
      about: 'Publishing without a subscriber, to one topic; Socket.IO waits for nothing',
      columns: [...costs('publish', ...overPeer), ...load('publishes/s')],
    },
    ...ACROSS_SECTIONS,
  },
  aims: [
    aim('delivery', MEMORY, overFloor, { atMost: 1.3 }),
    aim('delivery', MEMORY, cheaperThan(PEER), { atLeast: 3 }),
    aim('delivery', MEMORY, userOver, { atMost: 0.33 }),
    aim('resume', MEMORY, cheaperThan(PEER), { atLeast: 3 }),
    aim('idle', MEMORY, heapOfShared, { under: 300 }),
    ...ACROSS_AIMS,
  ],
};
