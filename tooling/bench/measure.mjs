import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { during, startClient, startServer } from './child.mjs';
import { startGroup } from './group.mjs';
import { BenchError } from './machine.mjs';
import { residentBytes, timeServer } from './process-readings.mjs';
import { variableParts } from './response-text.mjs';
import { requestText } from './responses.mjs';
import { responseFile } from './runtimes.mjs';
import { isSteady } from './statistics.mjs';
import { openTls, runTls } from './tls/load.mjs';
import { runTopics } from './topics.mjs';
import { openWebSockets, runWebSockets } from './websocket.mjs';

/** The load before memory is read, so that what compiles lazily and grows once is there. */
export const WARM_UP = {
  ms: 1000,
  wrk: { kind: 'wrk', connections: 64 },
  http: { kind: 'http', connections: 64, depth: 1 },
  echo: { kind: 'echo', connections: 64, messageBytes: 64 },
};
/**
 * A collection soon after work keeps the young generation that the work made grow, up to 48 MiB; one after a rest
 * releases it (V8 compares with the collection before, over the last 5 s). Without the rest, that growth, which no
 * connection holds, would count as theirs.
 */
const REST_MS = 6_000;
/** For the kernel to take back what the collector released. */
const SETTLE_MS = 500;
const WRK_REPORT = fileURLToPath(new URL('report.lua', import.meta.url));

/** The command of each client; its line has `count` and `wallNs`, and of requests the waits. */
const CLIENTS = {
  wrk: ({ connections, threads }, { port }, _stage, ms) => {
    const flags = ['-t', threads, '-c', connections, '-d', `${ms / 1000}s`, '--latency', '-s', WRK_REPORT];
    return ['wrk', ...flags, `http://127.0.0.1:${port}/`];
  },
  http: ({ connections, threads, depth, paceUs = [] }, server, stage, ms) => {
    const { row, port } = server;
    const [request, response] = [path.join(stage.folder, 'request'), responseFile(row, stage)];
    writeFileSync(request, requestText(row.ask, server), 'latin1');
    const parts = variableParts(readFileSync(response, 'latin1')).map(({ at, length }) => `${at}:${length}`);
    const files = [request, response, parts.join()];
    return [stage.native('polling-client'), port, connections, threads, ms, depth, ...files, paceUs].flat();
  },
  echo: ({ connections, threads, messageBytes }, { port }, { native }, ms) => {
    return [native('polling-client'), port, connections, threads, ms, messageBytes];
  },
  file: ({ request }, { port }, { file, native }, ms) => [native('client'), port, file, request, ms],
  lines: (_load, { port }, { native }) => [native('client'), port],
};

/** Starts a client of a server. @param {{ kind: keyof typeof CLIENTS }} load */
export function startLoad(load, server, stage, ms) {
  const threads = Math.min(stage.cores.loadThreads, load.connections);
  return startClient(server.row, stage, CLIENTS[load.kind]({ threads, ...load }, server, stage, ms));
}

/** Runs a client for some time, and returns what it reports; of a measured client, the program itself. */
export function runLoad(load, server, stage, ms) {
  if (load.kind === 'client') return server.ask(`run ${ms}`);
  if (load.kind === 'websocket') return runWebSockets(load, server, stage, ms);
  if (load.kind === 'topics') return runTopics(load, server, stage, ms);
  if (load.kind === 'tls') return runTls(load, server, stage, ms);
  return during(startLoad(load, server, stage, ms), (client) => client.nextLine());
}

/** One round of a row whose server works for a client, beside idle connections if it has some. */
export async function measureLoad(row, stage, options) {
  return during(await startGroup(row, stage), async (server) => {
    const idlers = row.idle > 0 ? await openIdle(server, stage) : undefined;
    try {
      const warmedMs = await warmUp(server, stage, options);
      const done = await loadTimed(server, stage, options.measureMs);
      if (done.count > 0) return { ...done, warmedMs };
      throw new BenchError(`${row.title}: no response in ${options.measureMs} ms`);
    } finally {
      await idlers?.stop();
    }
  });
}

/** Loads a server for `warmupMs`, and again until its costs are steady, at most `warmups` times. @returns how long. */
async function warmUp(server, stage, { warmupMs, ...options }) {
  const { warmups = options.warmups ?? 1 } = server.row;
  const costs = [];
  while (warmupMs > 0 && costs.length < warmups && !isSteady(costs)) {
    const { cpuNs, count } = await loadTimed(server, stage, warmupMs);
    costs.push(cpuNs / count);
  }
  return costs.length * warmupMs;
}

async function loadTimed(server, stage, ms) {
  const withTimes = timeServer(server);
  return withTimes(await runLoad(server.row.load, server, stage, ms));
}

/** One round of a row whose program measures itself, alone or from the first line of its client on. */
export async function measureSelf(row, stage) {
  return during(await startServer(row, stage, ['--expose-gc']), async (program) => {
    if (row.load === undefined) return program.first;
    return during(startLoad(row.load, program, stage), () => program.nextLine());
  });
}

/** What an idle connection costs that made one request: the growth of the memory of the server over many of them. */
export async function measureIdle(row, stage) {
  return during(await startServer(row, stage, ['--expose-gc']), async (server) => {
    await runLoad(row.load, server, stage, WARM_UP.ms);
    const before = await memoryAtRest(server);
    return during(await openIdle(server, stage), async ({ reply, tlsPath }) => {
      const after = await memoryAtRest(server);
      const each = (name) => (after[name] - before[name]) / row.idle;
      return { residentBytes: each('resident'), heapBytes: each('heap'), reply, tlsPath };
    });
  });
}

/** Opens the idle connections of a row, until the client that is returned stops. An echo sends the request back. */
async function openIdle(server, stage) {
  const { row, port } = server;
  if (row.origin !== undefined) return openPool(server);
  if (row.load.kind === 'websocket')
    return openWebSockets({ ...row.load, connections: row.idle }, server, stage);
  if (row.load.kind === 'tls') return openTls({ ...row.load, connections: row.idle }, server, stage);
  const bytes =
    row.ask === undefined ? requestText({}, server).length : statSync(responseFile(row, stage)).size;
  const client = startClient(row, stage, [stage.native('client'), port, row.idle, bytes]);
  try {
    await client.nextLine();
    return client;
  } catch (error) {
    await client.stop();
    throw error;
  }
}

/** Lets a client open connections that stay in its pool. @throws BenchError if it does not keep them. */
async function openPool(client) {
  await client.ask(`open ${client.row.idle}`);
  const open = readdirSync(`/proc/${client.pid}/fd`).length;
  if (open < client.row.idle) throw new BenchError(`${client.row.title}: ${open} descriptors are left open`);
  return { stop() {} };
}

/** Memory at rest, after a collection. @param server - started with `--expose-gc`. */
export async function memoryAtRest(server) {
  const hasGarbage = server.row.native === undefined && server.row.runtime !== 'nginx';
  const collect = () => (hasGarbage ? server.collect() : 0);
  await collect();
  if (hasGarbage) await sleep(REST_MS);
  await collect();
  await sleep(SETTLE_MS);
  const heap = await collect();
  await sleep(SETTLE_MS);
  const resident = server.pids.reduce((sum, pid) => sum + residentBytes(pid), 0);
  return { heap, resident };
}
