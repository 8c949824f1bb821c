import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { SPARE_FILES } from '../machine.mjs';
import { choose, rowsOf } from '../options.mjs';
import { aim, column, cost, load, memory, over, user } from '../report.mjs';
import { makeCertificates, OFFER } from '../tls/certificates.mjs';
import { COMPARED, peer, SETTINGS, server } from './http.mjs';

const [KIB, MIB] = [1024, 1024 * 1024];
/** Connections that warm a server up before its memory is read. */
const FEW = 64;
const HELLO = { id: 'hello' };
const ECHO_BYTES = 20;

/** Where native TLS is not possible, the row of it is missing, and the table says why. */
const landspout = (id, title, tlsPath, others) =>
  server(id, title, 'native', 'servers/landspout-httpserver.mjs', { tlsPath, ...others });
const SERVERS = [
  server('floor', 'C epoll loop (floor)', 'c', undefined, { native: 'tls-floor' }),
  landspout('tls', 'Landspout, native TLS', 'native', { mayFail: true }),
  landspout('tls-node', 'Landspout, node:tls', 'node'),
  server('node-https', 'node:https', 'node:https', 'servers/node-http.mjs'),
  peer('bun', 'Bun', 'servers/fetch.mjs'),
  peer('deno', 'Deno', 'servers/fetch.mjs'),
  peer('nginx', 'nginx'),
];
const echo = (name, others) => ({ program: `websocket/programs/${name}.mjs`, ...others });
/** The programs of those that have WebSocket connections. */
const ECHOES = {
  floor: { native: 'tls-websocket-floor', args: ['echo'] },
  tls: echo('landspout'),
  'tls-node': echo('landspout'),
  'node-https': echo('ws', { title: 'ws on node:https', backend: 'ws', settings: { bufferutil: false } }),
  bun: echo('bun'),
  deno: echo('deno'),
};
/** What performs TLS where the program does not say. */
const PERFORMS = {
  floor: 'OpenSSL of the system',
  'node-https': 'node:tls',
  bun: 'BoringSSL',
  deno: 'rustls',
  nginx: 'OpenSSL of the system',
};

const scene = (how, ask, mode, connections, others) => ({
  how,
  ask,
  certificate: 'ecdsa',
  measure: 'load',
  load: { kind: 'tls', mode, connections },
  ...others,
});
const handshakes = (how, mode, count, { certificate = 'ecdsa' } = {}) =>
  scene(how, { id: `handshake-${certificate}` }, mode, count, { certificate });

/** The scenes of each section; descriptors bound the number of idle connections. */
const SCENES = {
  hello: ({ connections }) => [scene(`${connections} connections`, HELLO, 'requests', connections)],
  handshakes: ({ handshakes: count }) => [
    handshakes('ECDSA P-256, full', 'full', count),
    handshakes('RSA 2048, full', 'full', count, { certificate: 'rsa' }),
    handshakes('ECDSA P-256, resumed', 'resumed', count),
  ],
  bodies: ({ connections }) =>
    Object.entries({ '10 KiB': 10 * KIB, '1 MiB': MIB }).flatMap(([size, bytes]) => [
      scene(`${size} down`, { id: `down-${bytes}`, downBytes: bytes }, 'requests', connections),
      scene(`${size} up`, { id: `up-${bytes}`, upBytes: bytes }, 'requests', connections),
    ]),
  websocket: ({ sockets }) => {
    const how = `${ECHO_BYTES} B, ${sockets} connections`;
    const { load: echoes, ...about } = scene(how, undefined, 'echo', sockets);
    return [{ ...about, load: { ...echoes, messageBytes: ECHO_BYTES }, overrides: ECHOES }];
  },
  idle: ({ idle: wanted = 0, files }) => {
    const idle = Math.min(wanted, files - SPARE_FILES - FEW);
    const about = scene(`${idle} connections`, HELLO, 'requests', FEW, { measure: 'idle', idle });
    return idle > 0 ? [about] : [];
  },
};

/** Each server in each scene that it has. @param {object} options - `only`, `rows`, and the numbers of tls. */
export function tlsRows(options) {
  const chosen = choose('row', options.rows, SERVERS, ({ id }) => id);
  return rowsOf(SCENES, options).flatMap(({ overrides, ...about }) =>
    chosen
      .filter(({ id }) => overrides === undefined || id in overrides)
      .map((one) => {
        const row = { ...about, ...one, ...overrides?.[one.id] };
        if (overrides === undefined) return row;
        return { ...row, settings: { ...row.settings, mode: 'echo', deflate: false } };
      }),
  );
}

const path = column('TLS', ({ id, tlsPath }) => (tlsPath ? `IOLoop.tls: ${tlsPath}` : PERFORMS[id]));
/** What came for each, records and handshakes included. */
const wire = column('B/wire', 'wireBytes');
const columns = (each, ...more) => [
  ...cost(`CPU us/${each}`, 1e3),
  user,
  column('kernel', 'systemNs', 2, 1e3),
  over('floor'),
  over('bun'),
  over('node-https'),
  ...more,
  ...load(`${each}s/s`),
  column('p99 ms', 'p99Us', 2, 1000),
  column('warm-up s', 'warmedMs', 0, 1000),
  wire,
  path,
];
const perCore = column('/s of a core', ({ ns }) => 1e9 / ns.median);
const response = column('response', 'response');
const [idleBytes, idleHeap] = memory('idle B/conn');
const aboveFloor = column('above floor', ({ residentBytes, how }, rows) => {
  const floor = rows.find((other) => other.id === 'floor' && other.how === how && other.residentBytes);
  return floor && residentBytes - floor.residentBytes;
});
const OURS = 'tls';

export const tls = {
  rowsOf: tlsRows,
  programs: ['openssl', 'openssl/ssl.h'],
  prepare(stage) {
    makeCertificates(stage);
    stage.native('tls-load'); // What does not compile is found before anything is measured.
  },
  /** Looked up only for this table. */
  get versions() {
    const { stdout } = spawnSync('openssl', ['version'], { encoding: 'utf8' });
    const ws = readFileSync(new URL('../node_modules/ws/package.json', import.meta.url), 'utf8');
    return {
      'OpenSSL in Node': process.versions.openssl,
      'OpenSSL of the system': stdout.split(' ')[1],
      ws: JSON.parse(ws).version,
    };
  },
  about: `${Object.values(OFFER).join(', ')} and the same certificate in each row: the clients offer nothing else, and look;
${SETTINGS};
${COMPARED}; "B/wire" is what came for each, with records and
handshakes, and "TLS" what performs it: of Landspout what the server says`,
  sections: {
    hello: {
      about: 'GET / for Hello, world!, one request at a time on each connection',
      columns: [...columns('request'), response],
    },
    handshakes: {
      about: `A connection, its handshake, and its end, without a request; the end of the client comes with that of the handshake.
The client has as much to do as the server or more, so that the core of the server is not full: "/s of a core" is what a
full one could do`,
      columns: columns('handshake', perCore),
    },
    bodies: {
      about:
        'Bodies of known length; of one up the handler has all, and responds with its length; nginx has files down',
      columns: [...columns('request', over('nginx')), response],
    },
    websocket: {
      about: 'Echo over wss, with one message under way on each connection',
      columns: columns('message'),
    },
    idle: {
      about: 'Memory of an idle connection that made one request, at rest and after a collection',
      columns: [idleBytes, idleHeap, aboveFloor, path, response],
    },
  },
  aims: [
    aim('hello', OURS, over('floor'), { atMost: 1.3 }),
    aim('hello', OURS, over('bun'), { atMost: 1.1 }),
    aim('handshakes', OURS, over('floor'), { atMost: 1.1 }),
    aim('bodies', OURS, over('nginx'), { atMost: 1.2 }, ['1 MiB down', '1 MiB up']),
    aim('idle', OURS, aboveFloor, { atMost: 4096 }),
  ],
};
