import { get } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { during, startClient, startServer } from './child.mjs';
import { BenchError, SPARE_FILES } from './machine.mjs';
import { memoryAtRest, runLoad, startLoad, WARM_UP } from './measure.mjs';
import { kernelBytes, residentBytes, stolenTicks, stopwatch } from './process-readings.mjs';
import { aim, column } from './report.mjs';

const MIB = 1024 * 1024;
const KINDS = { slowHead: 'slow heads', slowBody: 'slow bodies', neverReads: 'never read' };
/** From the end of the measurement until the first of them may have to go. */
const SPARE_MS = 3000;
/** Longer than anything that is measured. */
const FOREVER_MS = 3_600_000;
/** How often the server is asked whether they are gone, how many deadlines that may take, and how often memory is read. */
const [LOOK_MS, MOST_DEADLINES, SAMPLE_MS] = [500, 4, 100];
/** The client beside the crowd: one request on each connection every so often. */
const NORMAL = { kind: 'http', connections: 8, depth: 1, paceUs: 4000, threads: 1 };

/**
 * A crowd of bad clients of three kinds: how many of each, the time in which they come and then stay while a normal
 * client is measured, the deadlines of the server, and what the readers request at once: far more than may wait in a
 * queue, so that the server must not start what it cannot send.
 *
 * @param {{ crowd: number, fresh: boolean, measureMs: number, files: number }} options - `files` bounds the crowd.
 */
function crowdOf({ crowd, fresh, measureMs, files }) {
  const ofEachKind = Math.min(crowd, Math.floor((files - SPARE_FILES) / 3));
  // Slow enough for each server to accept them, and with `fresh` to make 5 GB: this is not about connections a second.
  const [comeMs, stayMs] = [fresh ? 15_000 : 6_000, 2 * measureMs];
  const deadlineMs = comeMs + stayMs + SPARE_MS;
  return { ofEachKind, comeMs, stayMs, deadlineMs, responseBytes: MIB, requests: 32, fresh };
}

/**
 * Measures a normal client alone, while a crowd comes, while it is there, and while the server makes it go.
 *
 * @throws BenchError if some of the crowd went before the normal client was measured beside all of it.
 */
export async function measureCrowd(row, stage) {
  return during(await startServer(row, stage, ['--expose-gc']), async (server) => {
    const { ofEachKind, requests, comeMs, stayMs, deadlineMs, fresh, responseBytes } = row.settings.crowd;
    const all = 3 * ofEachKind;
    await runLoad(WARM_UP.http, server, stage, WARM_UP.ms);
    const before = await memoryAtRest(server);
    const [, alone] = await measurePhase(server, stage, () => sleep(stayMs));
    const kernelBefore = kernelBytes();
    let peak = 0;
    const sampling = setInterval(() => {
      peak = Math.max(peak, residentBytes(server.pid));
    }, SAMPLE_MS);
    const bad = startClient(row, stage, [stage.native('crowd'), server.port, ofEachKind, requests, comeMs]);
    try {
      const [, coming] = await measurePhase(server, stage, async () => {
        const { gone } = await bad.nextLine();
        if (gone > 0) throw new BenchError(`${gone} of ${all} bad clients went before all were there`);
      });
      const hereAt = performance.now();
      const crowdCpu = stopwatch(bad.pid);
      const [, there] = await measurePhase(server, stage, () => sleep(stayMs));
      const crowdCpuShare = crowdCpu().cpuNs / 1e6 / stayMs;
      const [resident, kernel] = [residentBytes(server.pid), kernelBytes() - kernelBefore];
      const stats = await statistics(server);
      if (stats.open < all)
        throw new BenchError(`${stats.open} of ${all} were left: ${deadlineMs} ms were short`);
      const [goneMs, going] = await measurePhase(server, stage, () => waitGone(server, hereAt));
      const gone = residentBytes(server.pid);
      bad.signal('SIGTERM');
      const left = await bad.nextLine();
      const statsAfter = await statistics(server);
      const after = await memoryAtRest(server);
      // One response for each that never reads is kept until all of it is sent: memory, unless all are one Buffer.
      const given = fresh ? ofEachKind * responseBytes : 0;
      return {
        phases: { alone, coming, there, going },
        resident: { before: before.resident, there: resident, peak, gone, after: after.resident },
        bytesEach: (peak - before.resident - given) / all,
        heap: { before: before.heap, after: after.heap },
        kernel,
        stats,
        statsAfter,
        left,
        crowdCpuShare,
        goneMs,
      };
    } finally {
      clearInterval(sampling);
      await bad.stop();
    }
  });
}

/** Measures the normal client while something happens. `cpuUs` is all CPU time of the server over its requests. */
async function measurePhase(server, stage, act) {
  const [cpu, stolen] = [stopwatch(server.pid), stolenTicks()];
  return during(startLoad(NORMAL, server, stage, FOREVER_MS), async (normal) => {
    const result = await act();
    normal.signal('SIGTERM');
    const { count: requests, wallNs, ...waits } = await normal.nextLine();
    const { cpuNs, waitedNs } = cpu();
    const costs = { cpuUs: cpuNs / 1e3 / requests, coreShare: cpuNs / wallNs, waitedMs: waitedNs / 1e6 };
    return [result, { requests, ...waits, ...costs, stolenTicks: stolenTicks() - stolen }];
  });
}

/** @returns {Promise<number | undefined>} ms since all were there; undefined if some never went. */
async function waitGone(server, hereAt) {
  for (;;) {
    await sleep(LOOK_MS);
    const { open } = await statistics(server);
    const ms = performance.now() - hereAt;
    // What is left: the connections of the normal client, and the one that asked.
    if (open <= NORMAL.connections + 1) return ms;
    if (ms > MOST_DEADLINES * server.row.settings.crowd.deadlineMs) return undefined;
  }
}

/** What the server counts, with one connection more meanwhile. */
function statistics({ port }) {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path: '/stats', agent: false }, (response) =>
      json(response).then(resolve, reject),
    );
    request.on('error', ({ message }) =>
      reject(new BenchError(`the server reports no statistics: ${message}`)),
    );
    request.setTimeout(10_000, () => request.destroy(new Error('no response in 10 s')));
  });
}

/** The one scene of the section. */
export function crowdScenes(ask, options) {
  const crowd = crowdOf(options);
  const how = `3 x ${crowd.ofEachKind} bad clients${options.fresh ? ', fresh' : ''}`;
  return options.crowd > 0 ? [{ how, ask, measure: 'crowd', settings: { crowd } }] : [];
}

const mib = (head, what, digits = 1) => column(head, what, digits, MIB);
const longest = mib('longest queue', 'stats.longestQueue', 2);
const bytesEach = column('B/client', 'bytesEach');

/** The tables of the section. */
export const crowdSection = {
  about: `A crowd of bad clients: a third send a byte of a head each second, a third a byte of a body of 100 MiB, and a third
request 1 MiB 32 times at once and never read. 8 normal connections send 2000 requests a second, and wait from when
one was due. CPU is all that the server took, over their requests; waited: others had its core, which is noise;
stolen: ticks that the host had the machine; memory in MiB; B/client: growth at the peak, without fresh bodies;
kernel: TCP memory; left: connections that are still open`,
  tables: [
    {
      linesOf: ({ title, phases }) =>
        Object.entries(phases).map(([when, phase]) => ({ ...phase, title: `${title}, ${when}` })),
      columns: [
        column('requests', 'requests'),
        column('p50 ms', 'p50Us', 2, 1000),
        column('p99 ms', 'p99Us', 2, 1000),
        column('max ms', 'maxUs', 2, 1000),
        column('CPU us/request', 'cpuUs', 1),
        column('core %', 'coreShare', 1, 0.01),
        column('waited ms', 'waitedMs'),
        column('stolen', 'stolenTicks'),
      ],
    },
    {
      columns: [
        mib('resident', 'resident.before'),
        ...['there', 'peak', 'gone'].map((when) => mib(when, `resident.${when}`)),
        mib('at rest', 'resident.after'),
        bytesEach,
        mib('JS heap', 'heap.before'),
        mib('at rest', 'heap.after'),
        mib('queued', 'stats.queuedBytes'),
        longest,
        mib('kernel', 'kernel'),
        column('gone after s', 'goneMs', 1, 1000),
        column('left', ({ statsAfter }) => statsAfter.open - 1),
      ],
    },
    {
      linesOf: ({ title, left }) =>
        Object.entries(left).map(([kind, tally]) => ({ ...tally, title: `${title}, ${KINDS[kind]}` })),
      columns: [
        column('responses', 'responses'),
        column('status', 'status'),
        column('reset', 'gone'),
        column('from s', 'firstMs', 1, 1000),
        column('to s', 'lastMs', 1, 1000),
      ],
    },
  ],
};

/** With `fresh` no verdict is about the time in which they come: making 5 GB of bodies is most of the work then. */
const changing = ({ phases: { coming, going }, settings }) =>
  settings.crowd.fresh ? going.p99Us : Math.max(coming.p99Us, going.p99Us);
const deadlines = ({ goneMs = Number.POSITIVE_INFINITY, settings }) => goneMs / settings.crowd.deadlineMs;
const ours = (read, bound) => aim('crowd', ['httpserver', 'httpserver-portable'], read, bound);

/** A queue may have 16 MiB by default; a reader is checked once a deadline, so that two and a half must be enough. */
export const crowdAims = [
  ours(column('p99 ms beside all of the crowd', 'phases.there.p99Us', 2, 1000), { under: 50 }),
  ours(column('p99 ms while it comes or has to go', changing, 2, 1000), { under: 50 }),
  ours(longest, { atMost: 16 }),
  ours(bytesEach, { atMost: 16 * 1024 }),
  ours(column('deadlines until all were gone', deadlines, 2), { atMost: 2.5 }),
];
