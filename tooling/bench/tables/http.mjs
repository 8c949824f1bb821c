import { createRequire } from 'node:module';
import { crowdAims, crowdScenes, crowdSection } from '../crowd.mjs';
import { SPARE_FILES } from '../machine.mjs';
import { WARM_UP } from '../measure.mjs';
import { choose, rowsOf } from '../options.mjs';
import { aim, cheaperThan, column, cost, load, memory, over, overBase } from '../report.mjs';

const [KIB, MIB] = [1024, 1024 * 1024];
/** Requests that a connection sends at once if they are pipelined. */
const PIPELINED = 16;
const HELLO = { id: 'hello' };

export const server = (id, title, backend, program, others) => ({ id, title, backend, program, ...others });
export const peer = (id, title, program) => server(id, title, id, program, { runtime: id, mayFail: true });
export const FLOOR = server('floor', 'C epoll loop (floor)', 'c', undefined, { native: 'floor' });
const SERVERS = [
  FLOOR,
  server('httpserver', 'httpserver, native', 'native', 'servers/landspout-httpserver.mjs'),
  server('web', 'web, native', 'native', 'servers/landspout-web.mjs'),
  server('httpserver-portable', 'httpserver, portable', 'portable', 'servers/landspout-httpserver.mjs'),
  server('web-portable', 'web, portable', 'portable', 'servers/landspout-web.mjs'),
  server('node-http', 'node:http', 'node:http', 'servers/node-http.mjs'),
  server('fastify', 'Fastify', 'node:http', 'servers/fastify.mjs'),
  peer('bun', 'Bun', 'servers/fetch.mjs'),
  peer('deno', 'Deno', 'servers/fetch.mjs'),
  peer('tornado', 'Tornado', 'servers/tornado_web.py'),
];
/** The servers that can set the deadlines that a crowd needs. The one that is there for comparison may fail. */
const BESIDE_CROWD = {
  httpserver: { program: 'servers/crowd-httpserver.mjs' },
  'httpserver-portable': { program: 'servers/crowd-httpserver.mjs' },
  'node-http': { mayFail: true },
};

export const busy = (how, ask, connections, depth = 1) => [
  { how, ask, measure: 'load', load: { kind: 'http', connections, depth } },
];
const idle = ({ idle: wanted, files }, load) => {
  const count = Math.min(wanted, files - SPARE_FILES);
  return count > 0 ? [{ how: `${count} connections`, ask: HELLO, measure: 'idle', load, idle: count }] : [];
};

/** The scenes of each section; options of 0 leave one out, and descriptors bound the numbers of connections. */
const SCENES = {
  hello: ({ connections, many }) =>
    [connections, many].flatMap((count) => busy(`${count} connections`, HELLO, count)),
  pipelined: ({ connections }) => busy(`${PIPELINED} at once`, HELLO, connections, PIPELINED),
  head: ({ connections }) => busy('head of 800 B', { id: 'head', browser: true }, connections),
  bodies: ({ connections }) => [
    ...busy('10 KiB down', { id: 'down-10k', downBytes: 10 * KIB }, connections),
    ...busy('1 MiB down', { id: 'down-1m', downBytes: MIB }, connections),
    ...busy('10 KiB up', { id: 'up-10k', upBytes: 10 * KIB }, connections),
    ...busy('1 MiB up', { id: 'up-1m', upBytes: MIB }, connections),
  ],
  idle: (options) => idle(options, WARM_UP.http),
  flat: ({ connections, files }) => {
    const most = files - SPARE_FILES - connections;
    const counts = [...[0, 5_000].filter((count) => count < most), most];
    return counts.flatMap((count) => {
      const [scene] = busy(`${count} idle`, HELLO, connections);
      return { ...scene, idle: count, base: '0 idle' };
    });
  },
  crowd: (options) => crowdScenes({ id: 'crowd' }, options),
};

/** Each server in each scene. */
const rowsFrom = (scenes, servers) =>
  scenes.flatMap((scene) => {
    const others = scene.measure === 'crowd' ? BESIDE_CROWD : {};
    const own = scene.measure === 'crowd' ? servers.filter(({ id }) => id in others) : servers;
    return own.map((one) => ({ ...scene, ...one, ...others[one.id] }));
  });
const chooseServers = (ids, servers) => choose('row', ids, servers, ({ id }) => id);

/** @param {{ only?: readonly string[], rows?: readonly string[] }} options - and the numbers of http. */
export const httpRows = (options) => rowsFrom(rowsOf(SCENES, options), chooseServers(options.rows, SERVERS));

/** What wrk measures, of the servers on Node. */
export function helloRows({ rows, ...options }) {
  const { connections } = options;
  const load = { kind: 'wrk', connections };
  const scene = { section: 'hello', how: `${connections} connections`, ask: HELLO, measure: 'load', load };
  const scenes = [scene, ...idle(options, WARM_UP.wrk).map((one) => ({ section: 'idle', ...one }))];
  const onNode = SERVERS.filter(({ runtime }) => runtime === undefined);
  return rowsFrom(scenes, chooseServers(rows, onNode));
}

const response = column('response', 'response');
const scenes = (about) => ({
  about,
  columns: [
    ...cost('CPU us/request', 1e3),
    column('kernel', 'systemNs', 2, 1e3),
    over('floor'),
    over('node-http'),
    ...load('requests/s'),
    column('p99 ms', 'p99Us', 2, 1000),
    response,
  ],
});
const [idleBytes, idleHeap] = memory('idle B/conn');
const idleSection = {
  about: 'Memory of an idle connection that made one request, at rest and after a collection',
  columns: [idleBytes, idleHeap, response],
};
const timesIdle = overBase('x 0 idle');

const { version } = createRequire(import.meta.url)('fastify/package.json');
const versions = { Fastify: version };
export const SETTINGS = `no access log, no automatic ETag, no Connection or Keep-Alive header, TCP_NODELAY, idle limit 75 s (Deno: its own),
NODE_ENV=production; keep-alive connections; "kernel" is the system time in the CPU time`;
export const COMPARED = 'the client compares every byte of every response, except for its Date';
const SMALL = ['hello', 'pipelined', 'head'];

export const hello = {
  rowsOf: helloRows,
  programs: ['wrk'],
  versions,
  about: SETTINGS,
  sections: { hello: scenes('GET / for Hello, world! by wrk, not pipelined'), idle: idleSection },
  aims: [
    aim('hello', 'web', over('floor'), { atMost: 2 }),
    aim('hello', 'web', cheaperThan('fastify'), { atLeast: 4 }),
    aim('idle', 'web', idleBytes, { atMost: 1536 }),
  ],
};

export const http = {
  rowsOf: httpRows,
  versions,
  about: `${SETTINGS};\n${COMPARED}`,
  sections: {
    hello: scenes('GET / for Hello, world!, one request at a time on each connection'),
    pipelined: scenes('The same, 16 requests sent at once on each connection; p99 is of all 16'),
    head: scenes('The same, with the head that a browser sends'),
    bodies: scenes('Bodies of known length; of one up the handler has all, and responds with its length'),
    idle: idleSection,
    flat: {
      about: 'hello beside idle connections',
      joined: true,
      columns: [...cost('CPU us/request', 1e3), timesIdle, response],
    },
    crowd: crowdSection,
  },
  aims: [
    aim('hello', 'httpserver', over('floor'), { atMost: 1.4 }),
    aim(SMALL, 'httpserver', cheaperThan('node-http'), { atLeast: 5 }),
    aim([...SMALL, 'bodies'], 'httpserver', cheaperThan('bun'), { moreThan: 1 }),
    aim([...SMALL, 'bodies'], 'httpserver', cheaperThan('deno'), { moreThan: 1 }),
    aim('flat', 'httpserver', timesIdle, { atMost: 1.15 }),
    ...crowdAims,
    aim(SMALL, 'httpserver-portable', cheaperThan('node-http'), { atLeast: 1.7 }),
  ],
};
