import { createRequire } from 'node:module';
import { SPARE_FILES } from '../machine.mjs';
import { choose, rowsOf } from '../options.mjs';
import { aim, column, cost, load, memory, over, user } from '../report.mjs';

const [KIB, MIB] = [1024, 1024 * 1024];
/** The requests at once of scenes that do not vary it. */
const IN_FLIGHT = 10;

const program = (id, title, backend, name, others) => {
  const file = { program: 'client/programs/clients.mjs', settings: { client: name } };
  return { id, title, backend, ...file, ...others };
};
const onBoth = (id, title, others) => [
  program(id, `${title}, native`, 'native', id, others),
  program(`${id}-portable`, `${title}, portable`, 'portable', id, others),
];
export const CLIENT_FLOOR = {
  id: 'floor',
  title: 'C epoll loop (floor)',
  backend: 'c',
  native: 'requester',
  program: undefined,
};
const TORNADO_NOTE = `Tornado's simple_httpclient cannot keep a connection: it opens one for each request`;
const CLIENTS = [
  CLIENT_FLOOR,
  ...onBoth('httpclient', 'AsyncHTTPClient.fetch'),
  ...onBoth('to-fetch', 'toFetch()', { mayFail: true }),
  program('undici-pool', 'undici Pool.request', 'node', 'undici-pool'),
  program('undici-request', 'undici request', 'node', 'undici-request'),
  program('undici-fetch', 'undici fetch', 'node', 'undici-fetch'),
  program('http-agent', 'node:http with an Agent', 'node', 'http-agent'),
  program('bun-fetch', 'fetch of Bun', 'bun', 'bun-fetch', { runtime: 'bun', mayFail: true }),
  program('tornado-client', 'Tornado simple_httpclient', 'tornado', undefined, {
    program: 'client/programs/tornado_client.py',
    runtime: 'tornado',
    mayFail: true,
    note: TORNADO_NOTE,
  }),
];
const LIKE_FETCH = ['floor', 'to-fetch', 'to-fetch-portable', 'undici-fetch', 'bun-fetch'];
const ALL = CLIENTS.map(({ id }) => id);
const KEEPING = ALL.filter((id) => id !== 'tornado-client');

const scene = (how, { inFlight = IN_FLIGHT, downBytes = KIB, upBytes = 0, ids = ALL, ...others }) => {
  const busy = { measure: 'load', load: { kind: 'client', inFlight } };
  return { how, origin: { downBytes, upBytes }, ids, ...busy, ...others };
};
const SCENES = {
  get: () => [1, 10, 100, 1000].map((inFlight) => scene(`${inFlight} in flight`, { inFlight })),
  bodies: () => [scene('1 MiB down', { downBytes: MIB }), scene('1 MiB up', { downBytes: 16, upBytes: MIB })],
  fetch: () => [scene('JSON of 1 KiB', { ids: LIKE_FETCH, asked: { isJson: true } })],
  origins: ({ origins = 0, files }) => {
    // The connections of the warm-up, which is one pass over as many others, may still be open.
    const count = Math.min(origins, Math.floor((files - SPARE_FILES) / 2));
    return count > 0 ? [scene(`${count} origins`, { warmups: 1, asked: { origins: count } })] : [];
  },
  idle: ({ idle: wanted = 0, files }) => {
    const idle = Math.min(wanted, files - SPARE_FILES);
    const about = { ids: KEEPING, measure: 'idle', idle, asked: { idle } };
    return idle > 0 ? [scene(`${idle} connections`, about)] : [];
  },
};

/** Each client in each scene that it has. @param {object} options - `only`, `rows`, and the numbers of client. */
export function clientRows(options) {
  const chosen = choose('row', options.rows, CLIENTS, ({ id }) => id);
  return rowsOf(SCENES, options).flatMap(({ ids, asked, ...scene }) =>
    chosen
      .filter(({ id }) => ids.includes(id))
      .map((one) => ({ ...scene, ...one, settings: { ...one.settings, ...asked } })),
  );
}

const request = column('request', 'request');
const scenes = (about, id = 'undici-pool') => ({
  about,
  columns: [
    ...cost('CPU us/request', 1e3),
    user,
    column('kernel', 'systemNs', 2, 1e3),
    over('floor'),
    over(id),
    ...load('requests/s'),
    request,
  ],
});
const SOME = ['10 in flight', '100 in flight'];
const { version } = createRequire(import.meta.url)('undici/package.json');

export const client = {
  rowsOf: clientRows,
  versions: { undici: version },
  about: `the measured client is on the core for servers, and a C server that polls on the others; every response has its
status and length checked; "request" says how its bytes differ from those of the floor; "kernel" is the system time in
the CPU time; defaults, but for the number of connections and the User-Agent of Landspout`,
  sections: {
    get: scenes('GET of 1 KiB, each after the response to the one before'),
    bodies: scenes(`Bodies of 1 MiB in memory, ${IN_FLIGHT} in flight`),
    fetch: scenes(
      `GET of 1 KiB of JSON through functions like fetch, ${IN_FLIGHT} in flight`,
      'undici-fetch',
    ),
    origins: scenes(
      `Addresses of the loopback, each requested once, ${IN_FLIGHT} in flight; a Pool of undici is closed after it`,
    ),
    idle: {
      about: 'Memory of an idle pooled connection that made one request, at rest and after a collection',
      columns: [...memory('idle B/conn'), request],
    },
  },
  aims: [
    aim('get', 'httpclient', user, { atMost: 6 }, SOME),
    aim('get', 'httpclient', over('floor'), { atMost: 2 }, SOME),
    aim('get', 'httpclient', over('undici-pool'), { atMost: 0.6 }, SOME),
    aim('get', 'httpclient', over('bun-fetch'), { atMost: 0.7 }, SOME),
    aim('get', 'httpclient-portable', over('undici-request'), { atMost: 1 }, SOME),
    aim(['get', 'fetch'], 'to-fetch', over('undici-fetch'), { atMost: 0.25 }, [...SOME, 'JSON of 1 KiB']),
  ],
};
