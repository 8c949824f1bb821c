import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A relay that passes on one byte in each loop iteration, both ways. */
export async function startTrickle(targetPort: number): Promise<{ readonly port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1');
  server.on('connection', (client) => {
    const target = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    void trickle(client, target);
    void trickle(target, client);
  });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function trickle(from: Socket, to: Socket): Promise<void> {
  try {
    for await (const bytes of from.iterator({ destroyOnReturn: false })) {
      for (const byte of bytes as Buffer) {
        await new Promise<void>((resolve) => to.write(Uint8Array.of(byte), () => resolve()));
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    to.end();
  } catch {
    to.destroy();
  }
}
