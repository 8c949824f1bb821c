import { warnWhenBusy } from '../machine.mjs';
import { formatTable } from '../table.mjs';
import { printVerdicts } from '../verdicts.mjs';
import { counterpart, flatRows, judgeLoop, rateRatio } from './summary.mjs';

/** Prints what was measured, and how, for people. */
export function printLoopReport({ machine, core, files, settings, absent, rows }) {
  const { node, kernel, cpu, cores } = machine;
  console.log(`Node ${node}; ${kernel}; ${cpu}, ${cores} cores`);
  console.log(
    `Landspout on the ${settings.backend} backend; every row on core ${core}, in a process of its own`,
  );
  console.log(`${settings.rounds} rounds in turn; CPU is user + system time of all threads of the process;`);
  console.log('the median of the rounds, the extremes, and ratios of medians');
  warnWhenBusy(machine);
  const { warmupMs, measureMs } = settings;
  if (rows.some(({ section }) => section !== 'timers'))
    console.log(`callbacks and wake-ups: ${warmupMs} ms to warm up, ${measureMs} ms measured`);
  for (const [section, print] of SECTIONS) {
    const own = rows.filter((row) => row.section === section);
    if (own.length > 0) print(own, files);
  }
  for (const { title, reason } of absent) {
    console.log(`\n${title}: not there on the ${settings.backend} backend (${reason}), so not measured`);
  }
  printVerdicts('what it should be', judgeLoop(rows));
}

const SECTIONS = [
  ['callbacks', printCallbacks],
  ['timers', printTimers],
  ['wake-ups', printWakeUps],
];

function printCallbacks(rows) {
  const body = rows.map((row) => [
    row.title,
    ...range(row.ns),
    ratio(counterpart(rows, row, 'setImmediate'), (reference) => rateRatio(row, reference)),
    ratio(counterpart(rows, row, 'queueMicrotask'), (reference) => rateRatio(row, reference)),
    row.how,
  ]);
  console.log('\nCallbacks. In a burst the last one adds the next burst, in a chain each adds the next one;');
  console.log('microtasks run within one turn, and every thousand of them wait for the next turn\n');
  const header = ['', 'CPU ns/call', 'min - max', 'rate x setImmediate', 'x queueMicrotask', ''];
  console.log(formatTable(header, body));
}

function printTimers(rows) {
  const body = rows.map((row) => [
    row.title,
    ...range(row.ns),
    ratio(counterpart(rows, row, 'setTimeout'), (reference) => row.ns.median / reference.ns.median),
    ...[row.addNs, row.cancelNs, row.fireNs].map(({ median }) => median.toFixed(0)),
    Math.round(row.heapBytes).toString(),
    row.how,
  ]);
  console.log(
    '\nTimers. All are added, every other one is cancelled (they had 2 to 6 s), the rest fires (after',
  );
  console.log('0.5 to 1 s); the first column is one timer of that mix, add + cancel / 2 + fire / 2\n');
  const parts = ['add ns', 'cancel ns', 'fire ns', 'heap B/timer'];
  console.log(formatTable(['', 'CPU ns/timer', 'min - max', 'x setTimeout', ...parts, ''], body));
}

function printWakeUps(rows, files) {
  const body = rows.map((row) => [
    row.title,
    ...range(row.ns),
    ratio(counterpart(rows, row, 'C epoll_wait (floor)'), (floor) => row.ns.median / floor.ns.median),
    flatness(rows, row),
    row.eventsPerWakeUp.toFixed(0),
    row.how,
  ]);
  console.log(
    '\nWake-ups. The ready descriptors stay ready: events alone are counted, no call that deals with one.',
  );
  console.log('At most 256 events come with one wake-up');
  for (const how of fewerThanWanted(rows))
    console.log(`FEWER than wanted, since ulimit -n is ${files}: ${how}`);
  const header = ['', 'CPU ns/event', 'min - max', 'x floor', 'x fewest registered', 'events/wake-up', ''];
  console.log(`\n${formatTable(header, body)}`);
}

/** The cost over that with the fewest descriptors, where only their number differs. */
function flatness(rows, row) {
  const flat = flatRows(rows, row.title);
  return flat.includes(row) ? (row.ns.median / flat[0].ns.median).toFixed(2) : '-';
}

function fewerThanWanted(rows) {
  const short = rows.filter(({ settings }) => settings.registered < settings.wanted);
  return new Set(short.map(({ how, settings }) => `${how}, not of ${settings.wanted}`));
}

function range({ median, min, max }) {
  return [median.toFixed(1), `${min.toFixed(1)} - ${max.toFixed(1)}`];
}

function ratio(reference, of) {
  return reference === undefined ? '-' : of(reference).toFixed(2);
}
