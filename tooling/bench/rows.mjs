import { fileURLToPath } from 'node:url';
import { BenchError } from './bench-error.mjs';

/**
 * What is measured, in the order of the table.
 *
 * @typedef {object} Row
 * @property {string} id - the name on the command line.
 * @property {string} title - the name in the table.
 * @property {string} backend - what the server must say it stands on.
 * @property {string} [program] - a Node program in `servers/`; the floor alone has none.
 */

/** @type {readonly Row[]} */
const ROWS = [
  { id: 'floor', title: 'C epoll loop (floor)', backend: 'c' },
  { id: 'httpserver', title: 'httpserver, native', backend: 'native', program: 'landspout-httpserver' },
  { id: 'web', title: 'web, native', backend: 'native', program: 'landspout-web' },
  {
    id: 'httpserver-portable',
    title: 'httpserver, portable',
    backend: 'portable',
    program: 'landspout-httpserver',
  },
  { id: 'web-portable', title: 'web, portable', backend: 'portable', program: 'landspout-web' },
  { id: 'node-http', title: 'node:http', backend: 'node:http', program: 'node-http' },
  { id: 'fastify', title: 'Fastify', backend: 'node:http', program: 'fastify' },
];

/** @param {readonly string[]} [ids] default: all */
export function chooseRows(ids) {
  if (ids === undefined) return ROWS;
  const known = ROWS.map(({ id }) => id);
  const unknown = ids.filter((id) => !known.includes(id));
  if (unknown.length > 0) throw new BenchError(`no row ${unknown.join(', ')}; there are ${known.join(', ')}`);
  return ROWS.filter(({ id }) => ids.includes(id));
}

/** The row whose answer the floor sends and every other row must equal. @param {readonly Row[]} rows */
export function referenceRow(rows) {
  const reference = rows.find(({ id }) => id === 'web') ?? rows.find(({ program }) => program !== undefined);
  if (reference === undefined)
    throw new BenchError('the floor sends the answer of another row: choose one more');
  return reference;
}

/**
 * @param {Row} row
 * @param {{ floor: string, answerFile: string }} files - the compiled floor, and the answer that it sends.
 * @param {readonly string[]} [nodeFlags]
 */
export function serverCommand(row, { floor, answerFile }, nodeFlags = []) {
  if (row.program === undefined) return [floor, answerFile];
  return [
    process.execPath,
    ...nodeFlags,
    fileURLToPath(new URL(`servers/${row.program}.mjs`, import.meta.url)),
  ];
}

/** @param {Row} row */
export function serverEnvironment({ backend }) {
  const { LANDSPOUT_BACKEND: _ours, NODE_OPTIONS: _options, ...rest } = process.env;
  const chosen = backend === 'native' || backend === 'portable' ? { LANDSPOUT_BACKEND: backend } : {};
  return { ...rest, ...chosen, NODE_ENV: 'production' };
}
