import { fileURLToPath } from 'node:url';
import { BenchError } from '../bench-error.mjs';

/**
 * One thing that is measured.
 *
 * @typedef {object} StreamRow
 * @property {'echo' | 'lines' | 'idle' | 'send-file'} section
 * @property {string} title - the name in the table.
 * @property {string} how - what distinguishes it from other rows of that title and backend.
 * @property {'native' | 'portable' | 'node' | 'c' | 'nginx'} backend - what the server must say it stands on.
 * @property {string} [program] - a Node program in `programs/`; the floor and nginx have none.
 * @property {object} settings - what the program is told.
 */

/** Of each line that the sender writes, its LF included. */
const LINE_BYTES = 100;
const ECHO_SIZES = [
  { messageBytes: 64, how: '64 B' },
  { messageBytes: 16 * 1024, how: '16 KiB' },
  { messageBytes: 1024 * 1024, how: '1 MiB' },
];
const LANDSPOUT = ['native', 'portable'];

/** The titles that ratios and verdicts are about. */
export const TITLES = {
  floor: 'C epoll loop (floor)',
  netEcho: 'net.Socket, data + write',
  consumerEcho: 'IOStream, setConsumer + send',
  readline: 'node:readline, line event',
  nginx: 'nginx, sendfile on',
  sendFile: 'IOStream.sendFile',
};

const FLOOR = { title: TITLES.floor, backend: 'c' };
const NET_ECHO = { title: TITLES.netEcho, backend: 'node', program: 'echo-net', way: 'write' };
const CONSUMER_ECHO = onBoth({ title: TITLES.consumerEcho, program: 'echo-iostream', way: 'consumer' });
const READ_ECHO = onBoth({
  title: 'IOStream, readBytes + write',
  program: 'echo-iostream',
  way: 'readBytes',
});
const ITERATED_ECHO = onBoth({
  title: 'IOStream, for await + write',
  program: 'echo-iostream',
  way: 'forAwait',
});

const ECHOES = [
  FLOOR,
  NET_ECHO,
  { title: 'net.Socket, pipe', backend: 'node', program: 'echo-net', way: 'pipe' },
  ...CONSUMER_ECHO,
  ...READ_ECHO,
  ...ITERATED_ECHO,
];
const LINE_READERS = [
  { title: TITLES.readline, backend: 'node', program: 'lines-net', way: 'event' },
  { title: 'node:readline, for await', backend: 'node', program: 'lines-net', way: 'forAwait' },
  ...onBoth({ title: 'IOStream.readUntil', program: 'lines-iostream', way: 'readUntil' }),
  ...onBoth({ title: 'IOStream.lines', program: 'lines-iostream', way: 'lines' }),
];
/** Each has echoed one message, and waits for the next. */
const IDLERS = [FLOOR, NET_ECHO, ...CONSUMER_ECHO, ...READ_ECHO, ...ITERATED_ECHO];
const FILE_SENDERS = [
  { title: TITLES.nginx, backend: 'nginx' },
  ...onBoth({ title: TITLES.sendFile, program: 'send-file-iostream' }),
  { title: 'fs.createReadStream().pipe()', backend: 'node', program: 'send-file-net' },
];

/**
 * The rows of the chosen sections, in the order of the tables.
 *
 * @param {{ only?: readonly string[], connections: number, idle: number, warmupMs: number, measureMs: number,
 *   fileMiB: number }} options - `idle` of 0 leaves that section out.
 * @returns {readonly StreamRow[]}
 */
export function chooseStreamRows(options) {
  const chosen = requireSections(options.only);
  return [...SECTIONS].flatMap(([section, rowsOf]) => {
    if (!chosen.includes(section)) return [];
    return rowsOf(options).map((row) => ({ section, ...row }));
  });
}

const SECTIONS = new Map([
  [
    'echo',
    ({ connections }) =>
      ECHO_SIZES.flatMap(({ messageBytes, how }) => rowsFrom(ECHOES, how, { messageBytes, connections })),
  ],
  [
    'lines',
    ({ warmupMs, measureMs }) =>
      rowsFrom(LINE_READERS, `${LINE_BYTES} B`, { lineBytes: LINE_BYTES, warmupMs, measureMs }),
  ],
  ['idle', ({ idle }) => (idle > 0 ? rowsFrom(IDLERS, 'at rest', {}) : [])],
  ['send-file', ({ fileMiB }) => rowsFrom(FILE_SENDERS, `${fileMiB} MiB`, {})],
]);

/** @param {readonly { title: string, backend: string, program?: string, way?: string }[]} kinds */
function rowsFrom(kinds, how, settings) {
  return kinds.map(({ way, ...kind }) => ({ ...kind, how, settings: { ...settings, way } }));
}

function onBoth(kind) {
  return LANDSPOUT.map((backend) => ({ ...kind, backend }));
}

function requireSections(only = [...SECTIONS.keys()]) {
  const unknown = only.filter((name) => !SECTIONS.has(name));
  if (unknown.length === 0) return only;
  throw new BenchError(`no section ${unknown.join(', ')}; there are ${[...SECTIONS.keys()].join(', ')}`);
}

/**
 * @param {StreamRow} row
 * @param {{ echo: string, file: string }} made - the compiled floor, and the file that is sent.
 * @param {readonly string[]} [nodeFlags]
 */
export function streamCommand({ program, settings }, { echo, file }, nodeFlags = []) {
  if (program === undefined) return [echo];
  const path = fileURLToPath(new URL(`programs/${program}.mjs`, import.meta.url));
  return [process.execPath, ...nodeFlags, path, JSON.stringify({ ...settings, file })];
}
