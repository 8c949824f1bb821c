import { readFileSync } from 'node:fs';
import { choose, rowsOf } from '../options.mjs';
import { aim, column, cost, load, over, user } from '../report.mjs';
import { busy, COMPARED, FLOOR, SETTINGS, server } from './http.mjs';

const KIB = 1024;
const program = (name) => `mounting/programs/${name}.mjs`;
const runtime = (id, title) =>
  server(id, title, id, program('runtime-fetch'), { runtime: id, mayFail: true });
const [OVERRIDES, PLAIN] = [{ overrides: true }, { overrides: false }];

/** What serves an application: a row, with or without a Response that the adapter makes itself. */
const adapter = (id, title, backend, name, settings) =>
  server(id, title, backend, program(name), { settings });
const HONO_NODE = { overrides: 'hono-node', plain: 'hono-node-plain' };
const SERVERS = {
  Hono: [
    FLOOR,
    adapter('serve', 'serve, native', 'native', 'landspout-serve', OVERRIDES),
    adapter('serve-portable', 'serve, portable', 'portable', 'landspout-serve', OVERRIDES),
    adapter(HONO_NODE.overrides, '@hono/node-server', 'node:http', 'hono-node-server', OVERRIDES),
    adapter('srvx-fast', 'srvx, FastResponse', 'node:http', 'srvx', OVERRIDES),
    adapter('serve-plain', 'serve, native, plain', 'native', 'landspout-serve', PLAIN),
    adapter('serve-plain-portable', 'serve, portable, plain', 'portable', 'landspout-serve', PLAIN),
    adapter(HONO_NODE.plain, '@hono/node-server, plain', 'node:http', 'hono-node-server', PLAIN),
    adapter('srvx', 'srvx', 'node:http', 'srvx', PLAIN),
    runtime('bun', 'Bun'),
    runtime('deno', 'Deno'),
  ],
  Express: [
    FLOOR,
    adapter('container', 'NodeContainer, native', 'native', 'landspout-container'),
    adapter('container-portable', 'NodeContainer, portable', 'portable', 'landspout-container'),
    adapter('node-http', 'node:http', 'node:http', 'node-http'),
  ],
};
const ids = [...new Set(Object.values(SERVERS).flatMap((servers) => servers.map(({ id }) => id)))];

const ITEMS = Array.from({ length: 8 }, (_, at) => {
  return { id: at + 1, name: `Article ${at + 1}`, price: 1.25 * (at + 1), inStock: at % 2 === 0 };
});
/** Each application has all of the paths. */
const REQUESTS = {
  text: { path: '/' },
  json: { path: '/json' },
  params: { path: '/users/42/posts?page=3' },
  body: { path: '/body', upBytes: 10 * KIB, type: 'text/plain' },
  stream: { path: '/stream' },
};

/** Each application in each scene, by each of its servers. @param {object} options - `only`, `rows` and `connections`. */
export function mountingRows({ rows: wanted, connections, ...options }) {
  const chosen = choose('row', wanted, ids);
  const rowsIn = (section, application) => {
    const ask = {
      ...REQUESTS[section],
      id: `${application}-${section}`,
      value: { items: ITEMS },
      anyFields: true,
    };
    const [scene] = busy(`${application}, ${section}`, ask, connections);
    const servers = SERVERS[application].filter(({ id }) => chosen.includes(id));
    // The floor sends the response of another row.
    return servers.every((one) => one === FLOOR) ? [] : servers.map((one) => ({ ...scene, ...one }));
  };
  const applications = Object.keys(SERVERS);
  const table = Object.keys(REQUESTS).map((section) => [
    section,
    () => applications.flatMap((application) => rowsIn(section, application)),
  ]);
  return rowsOf(Object.fromEntries(table), options);
}

const columns = [
  ...cost('CPU us/request', 1e3),
  user,
  column('kernel', 'systemNs', 2, 1e3),
  over('floor'),
  over(HONO_NODE.overrides),
  over(HONO_NODE.plain),
  over('node-http'),
  ...load('requests/s'),
  column('p99 ms', 'p99Us', 2, 1000),
  column('warm-up s', 'warmedMs', 0, 1000),
  column('response', 'response'),
];
const ABOUT = {
  text: 'GET / for Hello, world!',
  json: 'GET for an object, which is made into JSON for each request',
  params: 'GET with a parameter in the path and one in the query',
  body: 'POST of 10 KiB of text, which is read; the response has its length',
  stream: 'GET for a body of 16 KiB, which a stream makes in 16 chunks for each request',
};
/** From the file: not every package exports it. */
const versionOf = (name) =>
  JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
const every = Object.keys(REQUESTS);

/** A verdict also says how the floor does: the kernel's part of a small response is nearly the same for every row. */
const besideFloor = (id) => ({ ...over(id), withFloor: true });

export const mounting = {
  rowsOf: mountingRows,
  versions: {
    Hono: versionOf('hono'),
    '@hono/node-server': versionOf('@hono/node-server'),
    srvx: versionOf('srvx'),
    Express: versionOf('express'),
  },
  about: `${SETTINGS};\n${COMPARED}`,
  sections: Object.fromEntries(Object.entries(ABOUT).map(([name, about]) => [name, { about, columns }])),
  aims: [
    aim('text', 'serve', besideFloor(HONO_NODE.overrides), { atMost: 0.5 }),
    aim(every, 'serve-plain', besideFloor(HONO_NODE.plain), { atMost: 1 }),
    aim(every, 'container', besideFloor('node-http'), { atMost: 0.8 }),
  ],
};
