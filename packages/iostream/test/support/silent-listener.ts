import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';

/**
 * Listens and then stops its thread: what connects is never accepted. With a backlog of 1, Linux holds two connections
 * and drops the SYN of each further one.
 */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const server = require('node:net').createServer();
server.listen({ host: workerData.host, port: 0, backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  Atomics.wait(workerData.gate, 0, 0);
  process.exit();
});
`;
const HELD_BY_BACKLOG = 2;

/** A port of `host` that does not respond to a SYN, because the backlog of its listener is full. */
export async function silentListener(
  host: string,
): Promise<AsyncDisposable & { readonly host: string; readonly port: number }> {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(PROGRAM, { eval: true, workerData: { host, gate } });
  const [port] = (await once(worker, 'message')) as [number];
  const held: Socket[] = [];
  while (held.length < HELD_BY_BACKLOG) {
    const socket = connect(port, host);
    socket.on('error', () => {});
    await once(socket, 'connect');
    held.push(socket);
  }
  return {
    host,
    port,
    async [Symbol.asyncDispose]() {
      const ended = once(worker, 'exit');
      Atomics.store(gate, 0, 1);
      Atomics.notify(gate, 0);
      await ended;
      for (const socket of held) socket.destroy();
    },
  };
}
