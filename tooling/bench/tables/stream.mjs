import { randomFillSync } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { SPARE_FILES } from '../machine.mjs';
import { WARM_UP } from '../measure.mjs';
import { rowsOf } from '../options.mjs';
import { aim, cost, load, memory, over } from '../report.mjs';

const MIB = 1024 * 1024;
/** Of each line that the client sends, its LF included. */
const LINE_BYTES = 100;
const ECHO_SIZES = { '64 B': 64, '16 KiB': 16 * 1024, '1 MiB': MIB };

const onNet = (id, title, way) => ({ id, title, backend: 'node', program: 'stream/programs/net.mjs', way });
const onBoth = (id, title, way, file = 'iostream') =>
  ['native', 'portable'].map((backend) => {
    const program = `stream/programs/${file}.mjs`;
    return { id: `${id}-${backend}`, title: `${title}, ${backend}`, backend, program, way };
  });

const FLOOR = { id: 'floor', title: 'C epoll loop (floor)', backend: 'c', native: 'floor' };
const NET_ECHO = onNet('net', 'net.Socket, data + write', 'write');
const OUR_ECHOES = [
  ...onBoth('consumer', 'IOStream, setConsumer + send', 'consumer', 'echo-iostream'),
  ...onBoth('read', 'IOStream, readBytes + write', 'readBytes', 'echo-iostream'),
  ...onBoth('iterate', 'IOStream, for await + write', 'forAwait', 'echo-iostream'),
];
const ECHOES = [FLOOR, NET_ECHO, onNet('net-pipe', 'net.Socket, pipe', 'pipe'), ...OUR_ECHOES];
const LINE_READERS = [
  onNet('readline', 'node:readline, line event', 'line'),
  onNet('readline-iterate', 'node:readline, for await', 'forAwait'),
  ...onBoth('read-until', 'IOStream.readUntil', 'readUntil'),
  ...onBoth('lines', 'IOStream.lines', 'lines'),
];
const FILE_SENDERS = [
  { id: 'nginx', title: 'nginx, sendfile on', backend: 'nginx', runtime: 'nginx', mayFail: true },
  ...onBoth('send-file', 'IOStream.sendFile', 'sendFile'),
  onNet('net-file', 'fs.createReadStream().pipe()', 'sendFile'),
];

/** Each program in a scene. */
const rowsFrom = (programs, scene, settings) =>
  programs.map(({ way, ...program }) => ({ ...scene, ...program, settings: { ...settings, way } }));

const SECTIONS = {
  echo: ({ connections }) =>
    Object.entries(ECHO_SIZES).flatMap(([how, messageBytes]) => {
      const load = { kind: 'echo', messageBytes, connections };
      return rowsFrom(ECHOES, { how, measure: 'load', load });
    }),
  lines: ({ warmupMs, measureMs }) => {
    const scene = { how: `${LINE_BYTES} B`, measure: 'self', load: { kind: 'lines' } };
    return rowsFrom(LINE_READERS, scene, { lineBytes: LINE_BYTES, warmupMs, measureMs });
  },
  idle: ({ idle: wanted, files }) => {
    const idle = Math.min(wanted, files - SPARE_FILES);
    const note = idle < wanted ? `FEWER than wanted, since ulimit -n is ${files}: not ${wanted}` : undefined;
    const scene = { how: `${idle} streams`, measure: 'idle', load: WARM_UP.echo, idle, note };
    return idle > 0 ? rowsFrom([FLOOR, NET_ECHO, ...OUR_ECHOES], scene) : [];
  },
  'send-file': ({ fileMib }) =>
    rowsFrom(FILE_SENDERS, { how: `${fileMib} MiB`, measure: 'load' }).map((row) => {
      // The others send the bytes of the file alone, as soon as a client connects.
      const request = row.runtime === 'nginx' ? 'GET /file HTTP/1.0\r\n\r\n' : '';
      return { ...row, load: { kind: 'file', request } };
    }),
};

/** @param {{ only?: readonly string[] }} options - and the numbers of stream. */
export const streamRows = (options) => rowsOf(SECTIONS, options);

/** Random, so that bytes at the wrong place are noticed. */
function writeRandomFile({ file }, { fileMib }) {
  const fd = openSync(file, 'w');
  const chunk = Buffer.allocUnsafe(MIB);
  for (let written = 0; written < fileMib; written += 1) writeSync(fd, randomFillSync(chunk));
  closeSync(fd);
}

const OURS = OUR_ECHOES.filter(({ backend }) => backend === 'native').map(({ id }) => id);
const idleBytes = memory('idle B/stream');

export const stream = {
  rowsOf: streamRows,
  prepare: writeRandomFile,
  about: 'clients compare every byte that comes back, and readers the number and length of every line',
  sections: {
    echo: {
      about: 'Echo, with one message under way on each connection',
      columns: [...cost('CPU us/message', 1e3), over('floor'), over('net'), ...load('messages/s')],
    },
    lines: {
      about: 'Lines, LF included, as fast as they are read over one connection',
      columns: [...cost('CPU ns/line', 1), over('readline'), ...load('lines/s')],
    },
    idle: {
      about: 'Memory of idle streams that each echoed one message, at rest and after a collection',
      columns: idleBytes,
    },
    'send-file': {
      about: 'A file from the page cache, to one client after the other',
      columns: [...cost('CPU us/MiB', 1e3), over('nginx'), ...load('MiB/s')],
    },
  },
  aims: [
    aim('echo', OURS, over('floor'), { atMost: 1.5 }, ['64 B']),
    aim('echo', OURS, over('net'), { atMost: 0.6 }, ['64 B']),
    aim('idle', OURS, idleBytes[0], { under: 1024 }),
    aim('send-file', 'send-file-native', over('nginx'), { atMost: 1.2 }),
  ],
};
