// What several processes of a server share: how they are started, and the relay of the floor between them.
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { collectOnSignal, print, settings } from '../../program.mjs';

const { processes = 1, forks = false, member: own = 0, redis, folder } = settings;

/** Whether this process is one of several. */
export const isMember = processes > 1;

/**
 * Which of the processes this one is; the last one publishes. A row that forks continues in its children only, and the
 * parent prints a line of its own.
 *
 * @param {string} backend
 */
export async function memberNumber(backend) {
  if (!forks) return own;
  const { forkProcesses, taskId } = await import('@landspout/ioloop/processes');
  if (taskId() === undefined) {
    collectOnSignal();
    print({ backend });
  }
  return (await forkProcesses(processes)).id;
}

/**
 * The least that brings a line from the process that publishes to all of them: Redis, if the row has one, or Unix sockets
 * between the processes.
 *
 * @param {(line: string) => void} receive
 * @returns {Promise<(line: string) => void>} sends a line.
 */
export function openRelay(receive) {
  return redis === undefined ? relayBySockets(receive) : relayByRedis(receive);
}

async function relayByRedis(receive) {
  const { createClient } = await import('@redis/client');
  const [publisher, subscriber] = [0, 1].map(() => createClient({ url: redis }));
  await Promise.all([publisher.connect(), subscriber.connect()]);
  await subscriber.subscribe('relay', receive);
  return (line) => void publisher.publish('relay', line);
}

async function relayBySockets(receive) {
  const others = await Promise.all(
    Array.from({ length: own }, async (_, index) => {
      const socket = connect(socketOf(index));
      await once(socket, 'connect');
      return socket;
    }),
  );
  rmSync(socketOf(own), { force: true });
  const server = createServer((socket) => createInterface({ input: socket }).on('line', receive));
  server.listen(socketOf(own));
  await once(server, 'listening');
  return (line) => {
    receive(line);
    for (const socket of others) socket.write(`${line}\n`);
  };
}

/** The processes are started one after the other, so that those before the last one listen when it connects to them. */
function socketOf(member) {
  return path.join(folder, `relay-${member}`);
}
