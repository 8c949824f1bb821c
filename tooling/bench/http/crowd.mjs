import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { BenchError } from '../bench-error.mjs';
import { reading } from '../idle-memory.mjs';
import { stolenTicks } from '../machine.mjs';
import { cpuSeconds, Server } from '../server.mjs';
import { startClient } from '../stream/clients.mjs';
import { startNormal, warmUpHttp } from './measure.mjs';

/**
 * What a normal client saw of a server for some time, and what that took of the server.
 *
 * @typedef {{ requests: number, p50Us: number, p99Us: number, maxUs: number, cpuUs: number, coreShare: number,
 *   waitedMs: number, stolenTicks: number }} Phase
 *   `cpuUs` is all CPU time of the server over the normal requests, whoever caused it. Where a wait is long, look at the
 *   last two: how long others had the server's core, and the host the machine's.
 *
 * @typedef {object} CrowdResult
 * @property {Record<'alone' | 'coming' | 'there' | 'going', Phase>} phases
 * @property {Record<'before' | 'there' | 'peak' | 'gone' | 'after', number>} resident - bytes; `before` and `after` at
 *   rest and after a collection.
 * @property {{ before: number, after: number }} heap
 * @property {{ before: number, there: number }} kernelBytes - of all TCP sockets of the machine.
 * @property {{ open: number, queuedBytes: number, longestQueue: number }} stats - of the server, while all were there.
 * @property {{ open: number, queuedBytes: number, longestQueue: number }} statsAfter
 * @property {Record<'slowHead' | 'slowBody' | 'neverReads', { answered: number, status: number, gone: number,
 *   firstMs: number, lastMs: number }>} left - how many were answered, with what, and when they had to go.
 * @property {number} crowdCpuShare - of a core, that the crowd itself took while it was there.
 * @property {number | undefined} goneMs - until the server had no bad client left, since all were there.
 */

/** How often the server is asked, while they go, whether they are gone. */
const LOOK_MS = 500;
/** A server that has not let them go after this many deadlines does not. */
const MOST_DEADLINES = 4;
/** How often resident memory is read. */
const SAMPLE_MS = 100;

/**
 * Measures a normal client alone, while a crowd comes, while it is there, and while the server makes it go.
 *
 * @param {import('./rows.mjs').HttpRow} row
 * @returns {Promise<CrowdResult>}
 * @throws BenchError when some of the crowd went before the normal client was measured beside all of it.
 */
export async function measureCrowd(row, stage) {
  const server = await Server.start(row, stage, ['--expose-gc']);
  try {
    await warmUpHttp(server, stage);
    const before = await reading(server);
    return await beside(server, stage, before);
  } finally {
    await server.stop();
  }
}

async function beside(server, stage, before) {
  const { stayMs } = server.row.settings.crowd;
  const during = (act) => measurePhase(server, stage, act);
  const [, alone] = await during(() => sleep(stayMs));
  const kernelBefore = kernelBytes();
  const peak = new Peak(server);
  let bad;
  try {
    const [, coming] = await during(async () => {
      bad = startCrowd(server, stage);
      const { here, gone } = await bad.nextLine();
      if (gone > 0) throw new BenchError(`${gone} of ${here} bad clients went before all were there`);
    });
    const hereAt = performance.now();
    const crowdCpu = cpuSeconds(bad.pid);
    const [, there] = await during(() => sleep(stayMs));
    const crowdCpuShare = ((cpuSeconds(bad.pid) - crowdCpu) * 1000) / stayMs;
    const [resident, kernelThere] = [server.residentBytes(), kernelBytes()];
    const stats = await ask(server);
    requireAll(server.row, stats);
    const [goneMs, going] = await during(() => waitGone(server, hereAt));
    const gone = server.residentBytes();
    bad.signal('SIGTERM');
    const left = await bad.nextLine();
    const statsAfter = await ask(server);
    const after = await reading(server);
    return {
      phases: { alone, coming, there, going },
      resident: { before: before.resident, there: resident, peak: peak.bytes, gone, after: after.resident },
      heap: { before: before.heap, after: after.heap },
      kernelBytes: { before: kernelBefore, there: kernelThere },
      stats,
      statsAfter,
      left,
      crowdCpuShare,
      goneMs,
    };
  } finally {
    peak.stop();
    await bad?.stop();
  }
}

function startCrowd({ row, port }, stage) {
  const { ofEachKind, asks, comeMs } = row.settings.crowd;
  return startClient(`the crowd of ${row.title}`, stage, [stage.made.crowd, port, ofEachKind, asks, comeMs]);
}

/** @param {{ open: number }} stats */
function requireAll({ title, settings }, { open }) {
  const { ofEachKind, deadlineMs } = settings.crowd;
  if (open >= 3 * ofEachKind) return;
  throw new BenchError(
    `${title} had ${open} of ${3 * ofEachKind} bad clients when the normal one was measured: ${deadlineMs} ms were short`,
  );
}

/** @returns {Promise<number | undefined>} ms since all were there; undefined when some never went. */
async function waitGone(server, hereAt) {
  const { deadlineMs, normal } = server.row.settings.crowd;
  for (;;) {
    await sleep(LOOK_MS);
    const { open } = await ask(server);
    const ms = performance.now() - hereAt;
    // What is left: the normal client's, and the one that asked.
    if (open <= normal.connections + 1) return ms;
    if (ms > MOST_DEADLINES * deadlineMs) return undefined;
  }
}

/** Measures a normal client while something happens. @returns {Promise<[unknown, Phase]>} */
async function measurePhase(server, stage, act) {
  const [cpu, waited, stolen] = [server.cpuSeconds(), server.waitedSeconds(), stolenTicks()];
  const normal = startNormal(server, stage, server.row.settings.crowd.normal);
  try {
    const result = await act();
    normal.signal('SIGTERM');
    const { messages, durationUs, p50Us, p99Us, maxUs } = await normal.nextLine();
    const cpuUs = (server.cpuSeconds() - cpu) * 1e6;
    const phase = {
      requests: messages,
      p50Us,
      p99Us,
      maxUs,
      cpuUs: cpuUs / messages,
      coreShare: cpuUs / durationUs,
      waitedMs: (server.waitedSeconds() - waited) * 1000,
      stolenTicks: stolenTicks() - stolen,
    };
    return [result, phase];
  } finally {
    await normal.stop();
  }
}

/** What the server says of itself. It has one connection more while it does. */
function ask({ port }) {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path: '/stats', agent: false }, (response) =>
      json(response).then(resolve, reject),
    );
    request.on('error', (error) =>
      reject(new BenchError(`the server does not say how it is: ${error.message}`)),
    );
    request.setTimeout(10_000, () => request.destroy(new Error('no answer in 10 s')));
  });
}

/** The memory of TCP sockets that the kernel counts, in pages, for the whole machine. */
function kernelBytes() {
  const text = readFileSync('/proc/net/sockstat', 'utf8');
  return Number(/^TCP:.* mem (\d+)$/m.exec(text)?.[1]) * 4096;
}

/** The most that a server held at any reading. */
class Peak {
  bytes = 0;
  #timer;

  constructor(server) {
    this.#timer = setInterval(() => {
      this.bytes = Math.max(this.bytes, server.residentBytes());
    }, SAMPLE_MS);
  }

  stop() {
    clearInterval(this.#timer);
  }
}
