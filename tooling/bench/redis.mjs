import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { createClient } from '@redis/client';
import { startBeside } from './child.mjs';
import { findRuntime, freePort } from './runtimes.mjs';

/** How often, and after how many milliseconds, the connection is tried again until Redis listens. */
const RETRIES = { times: 250, ms: 20 };

/**
 * Starts the Redis of a row, empty, on a free port and on the core for servers. It writes nothing to disk.
 *
 * @throws NotInstalledError
 */
export async function startRedis(stage) {
  const { command } = findRuntime('redis', stage);
  const [port, folder] = [await freePort(), path.join(stage.folder, 'redis')];
  mkdirSync(folder, { recursive: true });
  const place = ['--port', port, '--bind', '127.0.0.1', '--dir', folder];
  const child = startBeside('Redis', stage, [...command, ...place, '--save', '', '--appendonly', 'no']);
  const url = `redis://127.0.0.1:${port}`;
  const reconnectStrategy = (tries) =>
    tries < RETRIES.times ? RETRIES.ms : new Error('Redis does not listen');
  const client = createClient({ url, socket: { reconnectStrategy } });
  client.on('error', () => {}); // It does not listen yet.
  const stop = async () => {
    client.destroy();
    await child.stop();
  };
  try {
    await client.connect();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    pid: child.pid,
    stop,
    /** What it holds for its keys and its clients. */
    async usedBytes() {
      return Number(/^used_memory:(\d+)/m.exec(await client.sendCommand(['INFO', 'memory']))?.[1]);
    },
  };
}
