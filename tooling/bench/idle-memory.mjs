import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from './child.mjs';
import { Server } from './server.mjs';

/**
 * A collection soon after work keeps the young generation that the work made grow, up to 48 MiB; one after a rest
 * gives it back (V8 compares with the collection before, over the last 5 s). Without the rest, that growth, which no
 * connection holds, would be taken for theirs.
 */
const REST_MS = 6_000;
/** For the kernel to take back what the collector let go. */
const SETTLE_MS = 500;

/**
 * What one connection costs the server that has answered one request on it and waits for the next: the growth of
 * its resident memory over many of them, between two readings at rest, after garbage was collected.
 *
 * @param {import('./rows.mjs').Row} row
 * @param {import('./server.mjs').Stage} stage
 * @param {{ connections: number, answerBytes: (server: Server) => number,
 *   warmUp: (server: Server, stage: import('./server.mjs').Stage) => Promise<unknown> }} options - `warmUp` is a second
 *   of load, so that what compiles lazily and grows once is there before the first reading.
 * @returns {Promise<{ residentBytes: number, heapBytes: number }>} per connection; `heapBytes` is V8's own count.
 */
export async function measureIdle(row, stage, { connections, answerBytes, warmUp }) {
  const server = await Server.start(row, stage, ['--expose-gc']);
  try {
    await warmUp(server, stage);
    const before = await reading(server);
    const client = await openIdle(server, stage, { connections, answerBytes: answerBytes(server) });
    try {
      const after = await reading(server);
      return {
        residentBytes: (after.resident - before.resident) / connections,
        heapBytes: (after.heap - before.heap) / connections,
      };
    } finally {
      await client.stop();
    }
  } finally {
    await server.stop();
  }
}

/**
 * Opens connections that ask once each and then wait.
 *
 * @param {Server} server
 * @param {import('./server.mjs').Stage} stage
 * @param {{ connections: number, answerBytes: number }} options
 * @returns {Promise<Child>} the client that holds them, until it is stopped.
 */
export async function openIdle(server, { cores, files, made }, { connections, answerBytes }) {
  const command = [made.idleClient, server.port, connections, answerBytes].map(String);
  const client = new Child(`idle client of ${server.row.title}`, command, { cores: cores.load, files });
  try {
    await client.nextLine();
    return client;
  } catch (error) {
    await client.stop();
    throw error;
  }
}

/**
 * Memory at rest, after garbage was collected.
 *
 * @param {Server} server - started with `--expose-gc`.
 */
export async function reading(server) {
  await server.collect();
  if (server.collects) await sleep(REST_MS);
  await server.collect();
  await sleep(SETTLE_MS);
  const heap = await server.collect();
  await sleep(SETTLE_MS);
  return { heap, resident: server.residentBytes() };
}
