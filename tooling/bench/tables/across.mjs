import { SPARE_FILES } from '../machine.mjs';
import { wholeNumber } from '../options.mjs';
import { aim, cheaperThan, column, load, overRow } from '../report.mjs';
import {
  bytes,
  costs,
  counted,
  loadOf,
  overPeer,
  PEER,
  row,
  topics,
  WEBSOCKET,
  waits,
} from './topics-parts.mjs';

// Topics that several server processes share.

const PROCESSES = 3;
/** Of one connection, which `TopicHandler` allows. */
const MOST_SUBSCRIPTIONS = 100;
/** For all processes to have what was published while clients were away. */
const SETTLE_MS = 200;
const FLOORS = { redis: 'floor-redis' };

const together = (one, more) => ({ ...one, processes: PROCESSES, ...more });
const floor = (id, title, more) => together(row(id, title, 'native', 'floor', 'bare', WEBSOCKET), more);
const shared = (backplane, title, more) =>
  together(topics(backplane, title, 'topics', { ...WEBSOCKET, backplane }), more);

export const ACROSS_SERVERS = [
  floor('floor', 'bare broadcasts, Unix sockets (floor)'),
  shared('processes', 'TopicHandler, processes', { forks: true }),
  floor(FLOORS.redis, 'bare broadcasts, Redis PUBLISH (floor)', { redis: true }),
  shared('redis', 'TopicHandler, Redis', { redis: true }),
  together(row(PEER, 'Socket.IO, Redis Streams', 'socket.io', 'socket-io', 'socket.io', {}), { redis: true }),
];
const isFloor = ({ id }) => id.startsWith('floor');

export const ACROSS_SCENES = {
  across: ({ connections, many }) =>
    [...new Set([1, connections, many])].map((count) => ({
      how: `${counted(count, 'subscriber')} of ${PROCESSES} processes`,
      measure: 'load',
      load: loadOf(count),
      servers: ACROSS_SERVERS,
    })),
  'across-rate': ({ rate, readers }) => [
    {
      how: `${rate} publishes a second to ${counted(readers, 'subscriber')}`,
      measure: 'load',
      load: { ...loadOf(readers, 1), perSecond: rate },
      servers: ACROSS_SERVERS,
    },
  ],
  'across-resume': ({ clients, behind }) => [
    {
      how: `${counted(clients, 'client')} of ${PROCESSES} processes, ${counted(behind, 'record')} behind`,
      measure: 'resume',
      load: loadOf(clients, 1),
      settings: { behind, settleMs: SETTLE_MS },
      servers: ACROSS_SERVERS.filter(({ id }) => id !== FLOORS.redis),
    },
  ],
  'across-idle': ({ idleTopics = ['1000', '10000'], files }) =>
    idleTopics.map((text) => idleScene(wholeNumber('idle-topics', text), files)),
};

function idleScene(wanted, files) {
  const each = Math.min(wanted, MOST_SUBSCRIPTIONS);
  const groups = Math.min(Math.ceil(wanted / each), Math.floor((files - SPARE_FILES) / PROCESSES));
  const idle = groups * PROCESSES;
  return {
    how: counted(groups * each, 'idle topic'),
    measure: 'idle-topics',
    load: loadOf(idle, 1),
    idle,
    subscriptions: { each, topics: groups * each },
    servers: ACROSS_SERVERS.filter((one) => !isFloor(one)),
  };
}

const floorOf = ({ id }) => (id.includes('redis') ? FLOORS.redis : 'floor');
const overFloor = overRow('x floor', floorOf);
/** After a resume, what was published comes from the memory of each process, whatever brought it there. */
const overOneFloor = overRow('x floor', () => 'floor');
const redis = (each) => column(`Redis us/${each}`, 'redisNs', 2, 1e3);
const [p50, p99] = waits;
const second = (head, name) => column(head, name, 2, 1e6);
const OURS = ['processes', 'redis'];

export const ACROSS_SECTIONS = {
  across: {
    about: `From publish in one of ${PROCESSES} processes to delivery, with the subscribers of all processes on one topic; the next burst after all
have the one before. CPU is that of all server processes, a parent included; Redis is apart`,
    columns: [
      ...costs('delivery', redis('delivery'), overFloor, ...overPeer),
      ...load('deliveries/s'),
      ...waits,
      bytes,
    ],
  },
  'across-rate': {
    about: `The same at an even pace; p50 and p99 are the time of a delivery since the record was due`,
    columns: [
      p50,
      p99,
      ...costs('delivery', redis('delivery'), overFloor, ...overPeer),
      ...load('deliveries/s'),
    ],
  },
  'across-resume': {
    about: `All clients were away, and come back at once with their cursors, each to another process than before; p50 and p99 are the
time of a client from connecting to its last record`,
    columns: [
      ...costs('record', redis('record'), overOneFloor, ...overPeer),
      ...load('records/s'),
      ...waits,
      bytes,
    ],
  },
  'across-idle': {
    about: `Topics that one connection of each of the ${PROCESSES} processes has subscribed to, and to which nothing is published: CPU time of a
second, with them and before, and memory at rest of each, that of all processes together`,
    columns: [
      second('CPU ms/s', 'having.servers'),
      second('before', 'without.servers'),
      second('Redis ms/s', 'having.redis'),
      second('before', 'without.redis'),
      column('heap B/topic', 'bytes.heap'),
      column('resident', 'bytes.resident'),
      column('Redis B/topic', 'bytes.redis'),
    ],
  },
};

export const ACROSS_AIMS = [
  aim('across', OURS, cheaperThan(PEER, undefined, floorOf), { atLeast: 3 }),
  aim('across-rate', OURS, p99, { under: 10 }),
];
