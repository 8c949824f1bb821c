import { warnWhenBusy } from '../machine.mjs';
import { costRatio, peerOf } from '../stream/summary.mjs';
import { formatTable } from '../table.mjs';
import { printVerdicts } from '../verdicts.mjs';
import { printCrowd } from './crowd-report.mjs';
import { growth, judgeHttp, TITLES } from './summary.mjs';

/** Prints what was measured, and how, for people. */
export function printHttpReport({ machine, cores, files, settings, versions, absent, rows }) {
  printConditions({ machine, cores, files, settings, versions });
  for (const section of new Set(rows.map((row) => row.section))) {
    const print = { idle: printIdle, flat: printFlat, crowd: printCrowd }[section] ?? printScenes;
    print(
      rows.filter((row) => row.section === section),
      settings,
    );
  }
  if (absent.length > 0) console.log('');
  for (const { title, reason, scenes } of absent) {
    console.log(`${title}${scenes === undefined ? '' : `, ${scenes}`}: not measured: ${reason}`);
  }
  const verdicts = judgeHttp(rows);
  printVerdicts('httpserver, and what it should be', verdicts);
  if (verdicts.some(({ met }) => !met))
    console.log('  `pnpm bench profile httpserver` says where its time goes.');
}

function printConditions({ machine, cores, files, settings, versions }) {
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  console.log(
    `${[`Node ${machine.node}`, ...peers].join(', ')}; ${machine.kernel}; ${machine.cpu}, ${machine.cores} cores`,
  );
  console.log(
    `server on core ${cores.server}, clients on ${cores.load} with ${cores.loadThreads} threads; ${files} descriptors`,
  );
  if (cores.note !== undefined) console.log(cores.note);
  console.log(
    `${settings.rounds} rounds in turn, each on a new process, ${settings.warmupMs} ms to warm up, ` +
      `${settings.measureMs} ms measured; keep-alive connections;`,
  );
  console.log(
    'CPU is user + system time of all threads of the process, and "kernel" what is system time of it;',
  );
  console.log(
    'every row: no access log, no automatic ETag, no Connection or Keep-Alive header, TCP_NODELAY, idle limit',
  );
  console.log(
    '75 s (Deno: as it comes), NODE_ENV=production; every byte of every answer is compared, but for Date',
  );
  warnWhenBusy(machine);
}

function printScenes(rows, { connections }) {
  const [{ section }] = rows;
  const over = section === 'hello' ? '' : `, over ${connections} connections`;
  console.log(`\n${ABOUT[section]}${over}`);
  for (const how of new Set(rows.map((row) => row.how))) {
    const body = rows
      .filter((row) => row.how === how)
      .map((row) => [
        row.title,
        ...range(row.ns),
        (row.systemNs / 1e3).toFixed(2),
        times(rows, row, TITLES.floor),
        times(rows, row, TITLES.node),
        Math.round(row.coreShare.median * 100).toString(),
        Math.round(row.perSecond.median).toString(),
        (row.p99Us / 1000).toFixed(2),
        row.answer,
      ]);
    const header = [
      'CPU us/request',
      'min - max',
      'x floor',
      'x node:http',
      'core %',
      'requests/s',
      'p99 ms',
    ];
    console.log(`\n${formatTable([how, ...header, 'answer'], body)}`);
  }
}

const ABOUT = {
  hello: 'GET / for Hello, world!, one request at a time on each connection',
  pipelined: 'The same, 16 requests sent at once on each connection; p99 is of all 16',
  head: 'The same, with the head that a browser sends',
  bodies:
    'Bodies whose length is known; of one that is sent up the handler has the whole, and answers its length',
};

function printIdle(rows) {
  const body = rows.map(({ title, idle, answer }) => [
    title,
    Math.round(idle.residentBytes).toString(),
    idle.heapBytes ? Math.round(idle.heapBytes).toString() : '-',
    answer,
  ]);
  console.log('\nMemory of an idle connection that made one request, at rest and after a collection\n');
  console.log(formatTable([rows[0].how, 'idle B/conn', 'JS heap', 'answer'], body));
}

function printFlat(rows, { connections }) {
  const scenes = [...new Set(rows.map(({ how }) => how))];
  const titles = [...new Set(rows.map(({ title }) => title))];
  const cell = (title, how) => {
    const row = rows.find((one) => one.title === title && one.how === how);
    if (row === undefined) return ['-', '-'];
    return [range(row.ns).join(': '), growth(rows, row)?.toFixed(2) ?? '-'];
  };
  console.log(
    `\nhello over ${connections} busy connections beside idle ones: CPU us/request, and times that without`,
  );
  const header = scenes.flatMap((how) => [how, 'x']);
  const body = titles.map((title) => [title, ...scenes.flatMap((how) => cell(title, how)), '']);
  console.log(`\n${formatTable(['', ...header, ''], body)}`);
}

function range({ median, min, max }) {
  const show = (ns) => (ns / 1e3).toFixed(2);
  return [show(median), `${show(min)} - ${show(max)}`];
}

function times(rows, row, title) {
  const reference = peerOf(rows, row, title);
  return reference === undefined ? '-' : costRatio(row, reference).toFixed(2);
}
