import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { choose, rowsOf } from '../options.mjs';
import { aim, cheaperThan, column, cost, load, over, overBase, user } from '../report.mjs';
import { busy, COMPARED, FLOOR, peer, SETTINGS, server } from './http.mjs';
import { OUTPUT_ABOUT, OUTPUT_AIMS, OUTPUT_COLUMNS, OUTPUT_SCENES } from './web-output.mjs';

const [KIB, MIB] = [1024, 1024 * 1024];
const WORDS = 'All work and no play. ';

const SERVERS = [
  FLOOR,
  server('web', 'web, native', 'native', 'web/programs/landspout.mjs'),
  server('web-portable', 'web, portable', 'portable', 'web/programs/landspout.mjs'),
  server('web-eta', 'web with Eta, native', 'native'),
  server('web-eta-portable', 'web with Eta, portable', 'portable'),
  server('fastify', 'Fastify', 'node:http', 'web/programs/fastify.mjs'),
  server('express', 'Express', 'node:http', 'web/programs/express.mjs'),
  server('hono', 'Hono on Node', 'node:http', 'web/programs/hono.mjs'),
  server('elysia', 'Elysia on Bun', 'bun', 'web/programs/elysia.mjs', { runtime: 'bun', mayFail: true }),
  peer('deno', 'Deno', 'web/programs/deno.mjs'),
  peer('tornado', 'Tornado', 'web/programs/tornado_web.py'),
  peer('nginx', 'nginx'),
];
const OURS = ['web', 'web-portable'];
const WITHOUT_ETA = SERVERS.map(({ id }) => id).filter((id) => !id.startsWith('web-eta'));
/** nginx runs no handlers, and the floor sends no files. */
const ALL = WITHOUT_ETA.filter((id) => id !== 'nginx');
const WITH_FILES = WITHOUT_ETA.filter((id) => id !== 'floor');
/** Deno has no signed cookies of its own. */
const WITH_SIGNED_COOKIES = ALL.filter((id) => id !== 'deno');

/** Text made longer by the value of its argument, to 1 KiB of ASCII. @param {(filler: string) => string} textOf */
function exactly1KiB(textOf) {
  const missing = KIB - textOf('').length;
  return textOf(WORDS.repeat(missing / WORDS.length + 1).slice(0, missing));
}

const ITEMS = Array.from({ length: 8 }, (_, at) => {
  return { id: at + 1, name: `Article ${at + 1}`, price: 1.25 * (at + 1), inStock: at % 2 === 0 };
});
const MESSAGE = { name: 'Ada Lovelace', mail: 'ada@example.com' };
const jsonOf = (value) => exactly1KiB((note) => JSON.stringify({ ...value, note }));
const FORM = exactly1KiB((note) => String(new URLSearchParams({ ...MESSAGE, note })));

/** A request, and what the programs need to know of the scene. */
const ask = (scene, request) => ({ id: scene, scene, ...request });
const post = (scene, type, body) => ask(scene, { path: `/${scene}`, type, body, upBytes: body.length });
/** Each has a path of its own, with a parameter; the last is requested. */
const routes = (count) =>
  ask('routes', { id: `routes-${count}`, routes: count, path: `/items${count - 1}/42` });
const file = (name) => ask('static', { id: name, path: `/static/${name}`, isFile: true });

const scene = (how, what, servers = ALL, others = {}) => ({ how, ask: what, servers, ...others });
const base = '1 route';
const SCENES = {
  hello: [scene('hello', ask('hello'))],
  json: [scene('JSON of 1 KiB', ask('json', { path: '/json', value: JSON.parse(jsonOf({ items: ITEMS })) }))],
  path: [scene('path and query', ask('path', { path: '/users/42/posts?page=3' }))],
  form: [scene('form of 1 KiB up', post('form', 'application/x-www-form-urlencoded', FORM))],
  'post-json': [scene('JSON of 1 KiB up', post('post-json', 'application/json', jsonOf(MESSAGE)))],
  routes: [
    scene(base, routes(1), OURS),
    scene('100 routes', routes(100), ALL, { base }),
    scene('1,000 routes', routes(1000), OURS, { base }),
  ],
  cookie: [scene('signed cookie', ask('cookie', { path: '/', login: '/login' }), WITH_SIGNED_COOKIES)],
  middleware: [scene('one middleware', ask('middleware'))],
  static: [scene('1 KiB file', file('1k.txt'), WITH_FILES), scene('1 MiB file', file('1m.txt'), WITH_FILES)],
  ...OUTPUT_SCENES,
};

/** Each server in each scene that it has. @param {object} options - `only`, `rows`, and the numbers of web. */
export function webRows(options) {
  const chosen = choose('row', options.rows, SERVERS, ({ id }) => id);
  const rowsIn = ({ how, ask, servers, base, others }) => {
    const [row] = busy(how, ask, options.connections);
    const its = chosen.filter(({ id }) => servers.includes(id));
    return its.map((one) => ({ ...row, base, ...one, ...others?.[one.id] }));
  };
  const table = Object.entries(SCENES).map(([name, scenes]) => [name, () => scenes.flatMap(rowsIn)]);
  return rowsOf(Object.fromEntries(table), options);
}

/** The files of the section `static`. @param {{ folder: string }} stage */
function writeFiles({ folder }) {
  const files = path.join(folder, 'static');
  mkdirSync(files, { recursive: true });
  writeFileSync(path.join(files, '1k.txt'), Buffer.alloc(KIB, WORDS));
  writeFileSync(path.join(files, '1m.txt'), Buffer.alloc(MIB, WORDS));
}

const times = overBase(`x ${base}`);
const columns = [
  ...cost('CPU us/request', 1e3),
  user,
  column('kernel', 'systemNs', 2, 1e3),
  over('floor'),
  over('web'),
  ...load('requests/s'),
  column('p99 ms', 'p99Us', 2, 1000),
  column('warm-up s', 'warmedMs', 0, 1000),
  column('response', 'response'),
];
const ABOUT = {
  hello: 'GET / for Hello, world!',
  json: 'GET for an object, which is made into 1 KiB of JSON for each request',
  path: 'GET with a parameter in the path and one in the query',
  form: 'POST of a form of 1 KiB; the response has a field of it and the length of another',
  'post-json': 'POST of 1 KiB of JSON; the response has a field of it and the length of another',
  routes: 'GET with a parameter in the path, for the last of many routes',
  cookie: 'GET with a signed cookie, whose value is in the response',
  middleware: 'GET / for Hello, world! through a middleware that sets a header',
  static: 'GET of a file from the page cache',
  ...OUTPUT_ABOUT,
};
const COLUMNS = { routes: times, ...OUTPUT_COLUMNS };
const sections = Object.entries(ABOUT).map(([name, about]) => {
  return [name, { about, columns: columns.toSpliced(4, 0, ...[COLUMNS[name] ?? []].flat()) }];
});
const every = Object.keys(SCENES).filter((name) => !Object.hasOwn(OUTPUT_SCENES, name));
/** From the file: not every package exports it. */
const versionOf = (name) =>
  JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;

export const web = {
  rowsOf: webRows,
  prepare: writeFiles,
  versions: {
    Fastify: versionOf('fastify'),
    Express: versionOf('express'),
    Hono: versionOf('hono'),
    Elysia: versionOf('elysia'),
    Eta: versionOf('eta'),
  },
  about: `${SETTINGS};\n${COMPARED}`,
  sections: Object.fromEntries(sections),
  aims: [
    aim('hello', 'web', user, { atMost: 1.8 }),
    aim(every, 'web', cheaperThan('elysia'), { moreThan: 1 }),
    aim(every, 'web', cheaperThan('fastify'), { moreThan: 1 }),
    aim(every, 'web', over('deno'), { atMost: 1.05 }),
    aim('static', 'web', over('nginx'), { atMost: 1.2 }, ['1 MiB file']),
    aim('routes', OURS, times, { atMost: 2 }, ['1,000 routes']),
    ...OUTPUT_AIMS,
  ],
};
