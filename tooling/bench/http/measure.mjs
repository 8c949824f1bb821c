import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { dateOffset } from '../answers.mjs';
import { openIdle } from '../idle-memory.mjs';
import { Server } from '../server.mjs';
import { runClient, startClient } from '../stream/clients.mjs';
import { requestText } from './requests.mjs';
import { answerFile } from './stage.mjs';

/** Before memory is read. */
const IDLE_WARMUP = { connections: 64, depth: 1, ms: 1000 };
/** Longer than anything that is measured. */
const FOREVER_MS = 3_600_000;

/**
 * One round of one row, on a process of its own.
 *
 * @param {import('./rows.mjs').HttpRow} row
 * @param {{ warmupMs: number, measureMs: number }} options
 * @returns {Promise<{ count: number, cpuNs: number, systemNs: number, wallNs: number, p99Us: number }>} `systemNs` is the
 *   part of the CPU time that the kernel took.
 */
export async function measureHttp(row, stage, { warmupMs, measureMs }) {
  const { connections, depth, idle } = row.settings;
  const server = await Server.start(row, stage);
  let idlers;
  try {
    if (idle > 0)
      idlers = await openIdle(server, stage, { connections: idle, answerBytes: answerBytes(server, stage) });
    await runHttp(server, stage, { connections, depth, ms: warmupMs });
    const before = server.cpuTimes();
    const { messages, durationUs, p99Us } = await runHttp(server, stage, {
      connections,
      depth,
      ms: measureMs,
    });
    const after = server.cpuTimes();
    const systemNs = (after.system - before.system) * 1e9;
    const cpuNs = (after.user - before.user) * 1e9 + systemNs;
    return { count: messages * depth, cpuNs, systemNs, wallNs: durationUs * 1000, p99Us };
  } finally {
    await idlers?.stop();
    await server.stop();
  }
}

/** Warms up the server of a row whose memory is then read. */
export function warmUpHttp(server, stage) {
  return runHttp(server, stage, IDLE_WARMUP);
}

/** The length of what a server answers. @param {Server} server */
export function answerBytes({ row }, { made }) {
  return statSync(answerFile(row, made)).size;
}

/**
 * Runs the client against a server.
 *
 * @param {Server} server
 * @param {{ connections: number, depth: number, ms: number }} load
 * @returns {Promise<{ messages: number, durationUs: number, p99Us: number }>} a message is `depth` requests.
 */
export function runHttp(server, stage, { connections, depth, ms }) {
  const threads = Math.min(stage.cores.loadThreads, connections);
  return runClient(...clientOf(server, stage, { connections, threads, depth, ms }));
}

/**
 * Starts a client that asks at an even pace until it is told to end, by SIGTERM, and then says what was done.
 *
 * @param {Server} server
 * @param {{ connections: number, paceUs: number }} load - one request on each connection every so often.
 */
export function startNormal(server, stage, { connections, paceUs }) {
  const [name, where, command] = clientOf(server, stage, {
    connections,
    threads: 1,
    depth: 1,
    ms: FOREVER_MS,
  });
  return startClient(name, where, [...command, paceUs]);
}

function clientOf({ row, port }, stage, { connections, threads, depth, ms }) {
  const { made } = stage;
  const [request, answer] = [path.join(made.folder, 'request'), answerFile(row, made)];
  writeFileSync(request, requestText(row.settings.ask, port), 'latin1');
  const dateAt = dateOffset(readFileSync(answer, 'latin1'));
  const command = [made.httpClient, port, connections, threads, ms, depth, request, answer, dateAt];
  return [`the client of ${row.title}`, stage, command];
}
