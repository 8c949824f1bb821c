import { readFileSync } from 'node:fs';
import { SPARE_FILES } from '../machine.mjs';
import { choose, rowsOf } from '../options.mjs';
import { aim, cheaperThan, column, cost, kernelOver, load, memory, over, user } from '../report.mjs';
import { peer, server } from './http.mjs';

const KIB = 1024;
/** Connections that are opened and closed at a time, and those that warm a server up before its memory is read. */
const FEW = 64;

const program = (name) => `websocket/programs/${name}`;
const ws = (id, title, settings) => server(id, title, 'ws', program('ws.mjs'), { settings });
const SERVERS = [
  server('floor', 'C epoll loop (floor)', 'c', undefined, { native: 'websocket-floor' }),
  server('websocket', 'WebSocketHandler, native', 'native', program('landspout.mjs')),
  server('websocket-portable', 'WebSocketHandler, portable', 'portable', program('landspout.mjs')),
  ws('ws', 'ws', { bufferutil: false }),
  ws('ws-bufferutil', 'ws with bufferutil', { bufferutil: true }),
  peer('bun', 'Bun', program('bun.mjs')),
  peer('deno', 'Deno', program('deno.mjs')),
  peer('tornado', 'Tornado', program('tornado_websocket.py')),
];
/** The floor compresses nothing. */
const COMPRESSING = SERVERS.map(({ id }) => id).filter((id) => id !== 'floor');

const sized = (bytes) => (bytes < KIB ? `${bytes} B` : `${bytes / KIB} KiB`);
const scene = (how, mode, connections, messageBytes, offer) => {
  return { how, measure: 'load', load: { kind: 'websocket', mode, connections, messageBytes, offer } };
};
const echo = (bytes, connections, offer) =>
  scene(`${sized(bytes)}, ${connections} connections`, 'echo', connections, bytes, offer);
const broadcast = (bytes, connections, offer) =>
  scene(`1 to ${connections}, ${sized(bytes)}`, 'broadcast', connections, bytes, offer);

/** The scenes of each section. Of broadcasts, the sender is one of the receivers. */
const SCENES = {
  echo: ({ connections, many }) => [
    ...[20, KIB, 64 * KIB].map((bytes) => echo(bytes, connections)),
    echo(20, many),
  ],
  broadcast: ({ connections, many }) => [broadcast(20, many), broadcast(16 * KIB, connections)],
  deflate: ({ connections, many }) => [
    { ...echo(KIB, connections, 'alike'), how: `echo of 1 KiB, ${connections} connections` },
    broadcast(20, many, 'alike'),
    broadcast(16 * KIB, connections, 'alike'),
  ],
  close: () => [scene(`${FEW} at a time`, 'close', FEW)],
  idle: ({ idle: wanted = 0, files }) => {
    const idle = Math.min(wanted, files - SPARE_FILES - FEW);
    const about = (how, one) => ({ ...one, how: `${idle} connections${how}`, measure: 'idle', idle });
    const plain = about('', echo(20, FEW));
    const compressed = about(', permessage-deflate', echo(KIB, FEW, 'browser'));
    return idle > 0 ? [plain, compressed] : [];
  },
};

/** Each server in each scene that it has. @param {object} options - `only`, `rows`, and the numbers of websocket. */
export function websocketRows(options) {
  const chosen = choose('row', options.rows, SERVERS, ({ id }) => id);
  return rowsOf(SCENES, options).flatMap(({ load, ...scene }) => {
    const { mode, offer } = load;
    const deflate = offer !== undefined;
    const about = { ...scene, load: { ...load, isBinary: options.binary } };
    return chosen
      .filter(({ id }) => !deflate || COMPRESSING.includes(id))
      .map((one) => {
        const settings = { ...one.settings, mode, deflate };
        const others = deflate ? { mayFail: true } : {};
        return { ...about, ...one, ...others, settings, args: [mode === 'broadcast' ? mode : 'echo'] };
      });
  });
}

const costs = (each) => [
  ...cost(`CPU us/${each}`, 1e3),
  user,
  column('kernel', 'systemNs', 2, 1e3),
  over('floor'),
  over('bun'),
  over('ws'),
  ...load(`${each}s/s`),
  column('p99 ms', 'p99Us', 2, 1000),
  column('warm-up s', 'warmedMs', 0, 1000),
];
const reply = column('reply', 'reply');
const [idleBytes, idleHeap] = memory('idle B/conn');
/** From the file: not every package exports it. */
const versionOf = (name) =>
  JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;

export const websocket = {
  rowsOf: websocketRows,
  versions: { ws: versionOf('ws'), bufferutil: versionOf('bufferutil') },
  about: `text that servers decode and encode, no pings, no idle limits, TCP_NODELAY, NODE_ENV=production; the client polls,
compares every byte that comes, and has its connections before the time begins; "kernel" is the system time in the CPU
time, "p99" how long a message, a broadcast to all, or a connection took, "reply" its length on the wire`,
  sections: {
    echo: {
      about: 'Echo, with one message under way on each connection',
      columns: [...costs('message'), reply],
    },
    broadcast: {
      about:
        'A message of one connection to all of them, the next one after all have it; CPU of each delivery',
      columns: [...costs('message'), reply],
    },
    deflate: {
      about: `The same with permessage-deflate, without context takeover: "reply" also has what was negotiated`,
      columns: [...costs('message'), reply],
    },
    close: { about: 'Opening and closing handshakes, without a message', columns: costs('connection') },
    idle: {
      about:
        'Memory of an idle connection that echoed one message, at rest and after a collection; permessage-deflate as offered by Chromium',
      columns: [idleBytes, idleHeap, reply],
    },
  },
  aims: [
    aim('echo', 'websocket', user, { atMost: 1.2 }, ['20 B, 100 connections']),
    aim('echo', 'websocket', kernelOver('floor'), { atMost: 1.05 }, ['20 B, 100 connections']),
    aim('echo', 'websocket', over('bun'), { atMost: 1.1 }),
    aim('echo', 'websocket', cheaperThan('ws'), { atLeast: 1.9 }),
    aim('echo', 'websocket', cheaperThan('ws-bufferutil'), { atLeast: 1.9 }),
    aim('broadcast', 'websocket', over('floor'), { atMost: 1.3 }),
    aim('idle', 'websocket', idleBytes, { under: 2048 }),
  ],
};
