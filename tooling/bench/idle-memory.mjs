import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from './child.mjs';
import { runLoad } from './load.mjs';
import { Server } from './server.mjs';

/** So that what compiles lazily and grows once is there before the first reading. */
const WARMUP = { seconds: 1, connections: 64 };
/** For the kernel to take back what the collector let go. */
const SETTLE_MS = 500;

/**
 * What one connection costs the server that has answered one request on it and waits for the next: the growth of
 * its resident memory over many of them, garbage collected before both readings.
 *
 * @param {import('./rows.mjs').Row} row
 * @param {import('./server.mjs').Stage} stage
 * @param {{ connections: number, answerBytes: number }} options
 * @returns {Promise<{ residentBytes: number, heapBytes: number }>} per connection; `heapBytes` is V8's own count.
 */
export async function measureIdle(row, stage, { connections, answerBytes }) {
  const server = await Server.start(row, stage, ['--expose-gc']);
  try {
    await runLoad(server, stage, WARMUP);
    const before = await reading(server);
    const args = [server.port, connections, answerBytes].map(String);
    const options = { cores: stage.cores.load, files: stage.files };
    const client = new Child(`idle client of ${row.title}`, [stage.made.idleClient, ...args], options);
    try {
      await client.nextLine();
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

async function reading(server) {
  const heap = await server.collect();
  await sleep(SETTLE_MS);
  return { heap, resident: server.residentBytes() };
}
