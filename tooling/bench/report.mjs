import { warnWhenBusy } from './machine.mjs';
import { compareWithDirection } from './summary.mjs';
import { formatTable } from './table.mjs';
import { printVerdicts } from './verdicts.mjs';

const COLUMNS = [
  '',
  'CPU us/request',
  'min - max',
  'x floor',
  'core %',
  'requests/s',
  'p99 ms',
  'idle B/conn',
  'JS heap',
  'answer',
];

/** Prints what was measured, and how, for people. */
export function printReport({ machine, cores, settings, answer, rows }) {
  printMachine(machine, cores);
  printSettings(settings, answer);
  const floor = rows.find(({ id }) => id === 'floor');
  console.log(
    formatTable(
      COLUMNS,
      rows.map((row) => cells(row, floor)),
    ),
  );
  const verdicts = compareWithDirection(rows);
  printVerdicts('web on the native backend, and what it should be', verdicts);
  if (verdicts.some(({ met }) => !met)) console.log('  `pnpm bench profile web` says where its time goes.');
}

function cells({ title, cpuUs, requestsPerSecond, p99Us, idle, answer }, floor) {
  return [
    title,
    cpuUs.median.toFixed(2),
    `${cpuUs.min.toFixed(2)} - ${cpuUs.max.toFixed(2)}`,
    floor ? (cpuUs.median / floor.cpuUs.median).toFixed(2) : '-',
    Math.round((cpuUs.median * requestsPerSecond) / 1e4).toString(),
    Math.round(requestsPerSecond).toString(),
    (p99Us / 1000).toFixed(2),
    idle ? Math.round(idle.residentBytes).toString() : '-',
    idle?.heapBytes ? Math.round(idle.heapBytes).toString() : '-',
    answer,
  ];
}

function printMachine(machine, cores) {
  const { node, fastify, wrk, kernel, cpu } = machine;
  console.log(`Node ${node}, Fastify ${fastify}, wrk ${wrk}; ${kernel}; ${cpu}, ${machine.cores} cores`);
  console.log(`server on core ${cores.server}, wrk on ${cores.load} with ${cores.loadThreads} threads`);
  if (cores.note !== undefined) console.log(cores.note);
  warnWhenBusy(machine);
}

function printSettings({ rounds, seconds, warmup, connections, idleConnections }, answer) {
  console.log(
    `GET / over ${connections} keep-alive connections, not pipelined; ${rounds} rounds in turn, each on a new process, ` +
      `${warmup} s to warm up, ${seconds} s measured`,
  );
  console.log(
    'no access log, no ETag, no Connection or Keep-Alive header, TCP_NODELAY, idle limit 75 s, NODE_ENV=production',
  );
  console.log(
    `memory over ${idleConnections} connections that each made one request, at rest and after a collection`,
  );
  console.log(
    `every row answers with these ${answer.length} bytes; only the value of Date may differ, and where`,
  );
  console.log('the last column says so, the case of header names or their order:\n');
  console.log(`${answer.replaceAll('\r', '').replaceAll(/^/gm, '    ')}\n`);
}
