import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { during, startClient, startServer } from './child.mjs';

const REQUEST = 'GET / HTTP/1.1\r\nHost: bench\r\n\r\n';
const PAUSE_MS = 5;

/** How long other requests wait while handlers stream without end to clients that read as fast as it comes. */
export async function measureWriters(row, stage, { seconds }) {
  return during(await startServer(row, stage), (server) =>
    during(startClient(row, stage, [stage.native('client'), server.port, row.writers]), async (reader) => {
      await reader.nextLine();
      await sleep(1000);
      const before = await reader.nextLine();
      const waits = await ping(server.port, seconds * 1000);
      // A line each second, so that some are from before.
      let after = before;
      for (let lines = 0; lines < seconds; lines += 1) after = await reader.nextLine();
      const at = (part) => waits[Math.floor((waits.length - 1) * part)] ?? 0;
      const bytesPerSecond = (after.bytes - before.bytes) / seconds;
      return { requests: waits.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), bytesPerSecond };
    }),
  );
}

/** One request after the other on one connection. @returns {Promise<number[]>} how long each took, sorted. */
async function ping(port, forMs) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const waits = [];
  const end = performance.now() + forMs;
  while (performance.now() < end) {
    const start = performance.now();
    socket.write(REQUEST);
    await new Promise((resolve, reject) => socket.once('data', resolve).once('error', reject));
    waits.push(performance.now() - start);
    socket.removeAllListeners('error');
    await sleep(PAUSE_MS);
  }
  socket.destroy();
  return waits.sort((a, b) => a - b);
}
