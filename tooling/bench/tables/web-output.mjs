// What responses cost to make: pages by templates, and bodies that are compressed.
import { aim, beyondBase, cheaperThan, over } from '../report.mjs';

const KIB = 1024;
const [MADE, RENDERED] = ['made before', '50 rows'];
const [PLAIN, GZIP] = ['not compressed', 'gzip'];
/** What zlib takes by itself, and so does every row that can be told. */
const LEVEL = 6;

const NAMES = [
  'Nuts & bolts',
  'Washers <M6>',
  'Wing nuts',
  'Screws',
  '"Quick" clamp',
  'Hinges',
  'Rivets',
  'Hooks',
  'Dowels',
];

/** Numbers that look random, and are the same each time. @param {number} seed */
const scramble = (seed) => (Math.imul(seed, 2_654_435_761) ^ (seed << 7)) >>> 0;

function itemOf(_, at) {
  const random = scramble(at + 1);
  return {
    id: 1000 + at,
    name: `${NAMES[at % NAMES.length]} no. ${at}`,
    price: (random % 400) / 4,
    stock: random % 5,
  };
}

/** Exact in binary, so that all languages print the same prices. */
const PAGE = {
  title: 'Screws & nuts',
  date: '1 November 2026',
  links: ['Home', 'Screws & nuts', 'Tools', 'Orders', 'Contact'].map((text, at) => ({
    url: `/pages/${at + 1}`,
    text,
  })),
  items: Array.from({ length: 50 }, itemOf),
};

/** Items of a list, as many as there is room for in 10 KiB of JSON, and text for the rest. */
function listOf10KiB() {
  const items = [];
  const lengthWith = (more, note) => JSON.stringify({ items: [...items, ...more], note }).length;
  for (let at = 0; ; at += 1) {
    const item = {
      ...itemOf(undefined, at),
      code: scramble(at + 7919).toString(16),
      changed: scramble(at + 104_729),
    };
    if (lengthWith([item], '') > 10 * KIB) return { items, note: 'x'.repeat(10 * KIB - lengthWith([], '')) };
    items.push(item);
  }
}

const JSON_10K = { path: '/', value: listOf10KiB(), level: LEVEL };

/** The row of each server beside what it has for other scenes. */
const own = (program, settings) => ({ program: `web/output/${program}`, ...(settings && { settings }) });
const [OURS, ETA] = [own('landspout.mjs'), own('landspout.mjs', { engine: 'eta' })];
const ON_NODE = {
  floor: {},
  web: OURS,
  'web-portable': OURS,
  fastify: own('fastify.mjs'),
  express: own('express.mjs'),
  hono: own('hono.mjs'),
};
const TORNADO = { tornado: own('tornado_output.py') };
const COMPRESSING = { ...ON_NODE, deno: own('deno.mjs'), ...TORNADO };
const RENDERING = { ...ON_NODE, 'web-eta': ETA, 'web-eta-portable': ETA, ...TORNADO };

const scene = (how, ask, others, base) => ({ how, ask, servers: Object.keys(others), others, base });

export const OUTPUT_SCENES = {
  page: [
    scene(MADE, { id: 'made', scene: 'made', data: PAGE }, RENDERING),
    scene(RENDERED, { id: 'page', scene: 'page', data: PAGE }, RENDERING, MADE),
  ],
  compressed: [
    scene(PLAIN, { id: 'json-10k', scene: 'json', ...JSON_10K }, COMPRESSING),
    scene(GZIP, { id: 'gzip', scene: 'compressed', accepts: 'gzip', ...JSON_10K }, COMPRESSING, PLAIN),
  ],
};

export const OUTPUT_ABOUT = {
  page: `GET for an HTML page with a table of ${PAGE.items.length} rows. Rendered for each request: by html in web and in Hono, by Eta from
files (a layout, a page, and a partial for each row) in web, Fastify and Express, and by Tornado's templates, likewise;
"template" is what it takes beyond the same page made before`,
  compressed: `GET for an object, which is made into 10 KiB of JSON for each request; then the same for a client that accepts gzip, at
level ${LEVEL}; but Deno, which compresses by itself, has its own; "compression" is what it takes beyond the scene before`,
};

export const OUTPUT_COLUMNS = {
  page: beyondBase('template'),
  compressed: beyondBase('compression'),
};

const inPages = (id, bound, peer) => aim('page', id, over(peer), bound, [RENDERED]);
export const OUTPUT_AIMS = [
  inPages('web', { atMost: 0.6 }, 'hono'),
  inPages('web', { atMost: 0.6 }, 'fastify'),
  inPages('web-eta', { atMost: 0.6 }, 'fastify'),
  aim('compressed', 'web', cheaperThan('fastify'), { moreThan: 1 }),
];
