import { warnWhenBusy } from '../machine.mjs';
import { formatTable } from '../table.mjs';
import { printVerdicts } from '../verdicts.mjs';
import { TITLES } from './rows.mjs';
import { costRatio, judgeStream, peerOf } from './summary.mjs';

/** Prints what was measured, and how, for people. */
export function printStreamReport({ machine, cores, settings, idleConnections, absent, rows }) {
  const { node, nginx, kernel, cpu } = machine;
  console.log(`Node ${node}, ${nginx ?? 'no nginx'}; ${kernel}; ${cpu}, ${machine.cores} cores`);
  console.log(`server on core ${cores.server}, clients on ${cores.load} with ${cores.loadThreads} threads`);
  if (cores.note !== undefined) console.log(cores.note);
  console.log(
    `${settings.rounds} rounds in turn, each on a new process, ${settings.warmupMs} ms to warm up, ` +
      `${settings.measureMs} ms measured;`,
  );
  console.log(
    'CPU is user + system time of all threads of the process; medians, extremes, ratios of medians',
  );
  warnWhenBusy(machine);
  for (const [section, print] of SECTIONS) {
    const own = rows.filter((row) => row.section === section);
    if (own.length > 0) print(own, { settings, idleConnections });
  }
  if (absent.length > 0) console.log('');
  for (const { title, backend, reason } of absent) {
    console.log(`${title}, ${backend}: not there (${reason}), so not measured`);
  }
  printVerdicts('IOStream on the native backend, and what it should be', judgeStream(rows));
}

const SECTIONS = [
  ['echo', printEcho],
  ['lines', printLines],
  ['idle', printIdle],
  ['send-file', printSendFile],
];

function printEcho(rows, { settings }) {
  console.log(`\nEcho over ${settings.connections} connections, on each of which one message is under way`);
  for (const size of new Set(rows.map(({ how }) => how))) {
    const body = rows
      .filter(({ how }) => how === size)
      .map((row) => [
        row.title,
        ...range(row.ns, 1e3),
        times(rows, row, TITLES.floor),
        times(rows, row, TITLES.netEcho),
        ...load(row),
        row.backend,
      ]);
    const header = ['CPU us/message', 'min - max', 'x floor', 'x net.Socket', 'core %', 'messages/s'];
    console.log(`\n${formatTable([size, ...header, 'on'], body)}`);
  }
}

function printLines(rows) {
  const body = rows.map((row) => [
    row.title,
    ...range(row.ns, 1),
    times(rows, row, TITLES.readline),
    ...load(row),
    row.backend,
  ]);
  console.log(`\nLines of ${rows[0].how}, LF included, as fast as they are read over one connection\n`);
  const header = ['CPU ns/line', 'min - max', 'x node:readline', 'core %', 'lines/s', 'on'];
  console.log(formatTable(['', ...header], body));
}

function printIdle(rows, { settings, idleConnections }) {
  const body = rows.map(({ title, idle, backend }) => [
    title,
    Math.round(idle.residentBytes).toString(),
    idle.heapBytes ? Math.round(idle.heapBytes).toString() : '-',
    backend,
  ]);
  console.log(`\nMemory over ${idleConnections} streams that each echoed one message, after a collection`);
  if (idleConnections < settings.idle)
    console.log(`FEWER than wanted, since ulimit -n allows no more: not ${settings.idle}`);
  console.log(`\n${formatTable(['', 'idle B/stream', 'JS heap', 'on'], body)}`);
}

function printSendFile(rows) {
  const body = rows.map((row) => [
    row.title,
    ...range(row.ns, 1e3),
    times(rows, row, TITLES.nginx),
    ...load(row),
    row.backend,
  ]);
  console.log(`\nA file of ${rows[0].how} from the page cache, to one client after the other\n`);
  const header = ['CPU us/MiB', 'min - max', 'x nginx', 'core %', 'MiB/s', 'on'];
  console.log(formatTable(['', ...header], body));
}

function range({ median, min, max }, unit) {
  const show = (value) => (value / unit).toFixed(2);
  return [show(median), `${show(min)} - ${show(max)}`];
}

function load({ coreShare, perSecond }) {
  return [Math.round(coreShare.median * 100).toString(), Math.round(perSecond.median).toString()];
}

function times(rows, row, title) {
  const reference = peerOf(rows, row, title);
  return reference === undefined ? '-' : costRatio(row, reference).toFixed(2);
}
