import { formatTable } from '../table.mjs';
import { bytesEach, milliseconds, seconds } from './crowd-summary.mjs';

const MIB = 1024 * 1024;
const KINDS = { slowHead: 'slow heads', slowBody: 'slow bodies', neverReads: 'never read' };

/** Prints what a crowd did to a normal client and to the memory. @param {import('./crowd-summary.mjs').CrowdRow[]} rows */
export function printCrowd(rows) {
  printAbout(rows[0].settings.crowd);
  printPhases(rows);
  printMemory(rows);
  printLeaving(rows);
}

function printAbout({ ofEachKind, comeMs, stayMs, deadlineMs, answerBytes, asks, fresh, normal }) {
  const rate = (normal.connections * 1e6) / normal.paceUs;
  console.log(
    `\nA crowd of ${3 * ofEachKind}, which comes within ${seconds(comeMs)} s: ${ofEachKind} send a byte of a head each second, ` +
      `${ofEachKind} a byte of a body of 100 MiB,`,
  );
  console.log(
    `and ${ofEachKind} ask ${asks} times for ${answerBytes / MIB} MiB and never read; deadlines for heads and for progress ` +
      `${seconds(deadlineMs)} s. Beside it`,
  );
  console.log(
    `${normal.connections} normal connections ask ${rate} times a second; what they wait counts from when a request was due; ` +
      `"there" is ${seconds(stayMs)} s with`,
  );
  console.log('all of the crowd. CPU is all that the server took, over the normal requests');
  console.log(
    fresh
      ? 'Each large answer is a Buffer of its own: queued bytes are memory, and count at the peak (--fresh)'
      : 'Large answers are one Buffer: queued bytes are references to it, and no memory (--fresh makes each anew)',
  );
}

function printPhases(rows) {
  const body = rows.flatMap(({ title, crowd }) =>
    Object.entries(crowd.phases).map(
      ([phase, { requests, p50Us, p99Us, maxUs, cpuUs, coreShare, waitedMs, stolenTicks }]) => [
        `${title}, ${phase}`,
        requests.toString(),
        milliseconds(p50Us),
        milliseconds(p99Us),
        milliseconds(maxUs),
        cpuUs.toFixed(1),
        (coreShare * 100).toFixed(1),
        Math.round(waitedMs).toString(),
        stolenTicks.toString(),
        '',
      ],
    ),
  );
  const header = [
    'normal client',
    'requests',
    'p50 ms',
    'p99 ms',
    'max ms',
    'CPU us/request',
    'core %',
    'waited ms',
    'stolen',
    '',
  ];
  console.log(`\n${formatTable(header, body)}`);
  console.log(
    '\nwaited: others had the core of the server, which is noise; stolen: ticks that the host had the machine',
  );
}

function printMemory(rows) {
  const mib = (bytes) => (bytes / MIB).toFixed(1);
  const body = rows.map((row) => {
    const { resident, heap, stats, kernelBytes } = row.crowd;
    return [
      row.title,
      ...['before', 'there', 'peak', 'gone', 'after'].map((when) => mib(resident[when])),
      Math.round(bytesEach(row)).toString(),
      `${mib(heap.before)}: ${mib(heap.after)}`,
      mib(stats.queuedBytes),
      (stats.longestQueue / MIB).toFixed(2),
      mib(kernelBytes.there - kernelBytes.before),
      '',
    ];
  });
  const resident = ['resident MiB', 'there', 'peak', 'gone', 'at rest', 'B/client'];
  const header = ['', ...resident, 'JS heap', 'queued', 'longest', 'kernel', ''];
  console.log(`\n${formatTable(header, body)}`);
  console.log(
    '\nB/client: growth at the peak; JS heap: before and at rest after; kernel: TCP memory of the machine',
  );
}

function printLeaving(rows) {
  console.log('');
  for (const { title, settings, crowd } of rows) {
    const { ofEachKind } = settings.crowd;
    const kinds = Object.entries(KINDS).map(([kind, name]) => {
      const { answered, status, gone, firstMs, lastMs } = crowd.left[kind];
      const told = answered === 0 ? 'no answer' : `${answered} told ${status}`;
      const times = gone === 0 ? '' : ` from ${seconds(firstMs)} to ${seconds(lastMs)} s`;
      return `${name}: ${told}, ${gone} of ${ofEachKind} reset${times}`;
    });
    console.log(`${title}: ${kinds.join('; ')}`);
    console.log(
      crowd.goneMs === undefined
        ? `  ${crowd.statsAfter.open - 1} connections are still open`
        : `  none was left in the server ${seconds(crowd.goneMs)} s after all were there`,
    );
  }
}
