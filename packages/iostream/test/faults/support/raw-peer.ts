import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { IOLoop } from '@landspout/ioloop';
import { type IOStream, type IOStreamOptions, TCPClient } from '../../../src/index.ts';

const HOST = '127.0.0.1';

/** One TCP connection: a stream of ours at one end, and at the other a socket that does whatever it is told. */
export interface RawConnection extends AsyncDisposable {
  readonly stream: IOStream;
  /** Paused: it reads only when told to. It stays open when we half-close. */
  readonly peer: Socket;
}

export async function connectToRawPeer(
  options: Omit<IOStreamOptions, 'clock'> & { readonly loop?: IOLoop } = {},
): Promise<RawConnection> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }).listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const arrival = once(server, 'connection') as Promise<[Socket]>;
  const { loop, ...streamOptions } = options;
  const client = new TCPClient(loop === undefined ? {} : { loop });
  const stream = await client.connect({ host: HOST, port, ...streamOptions });
  const [peer] = await arrival;
  // What a test breaks off breaks off here too.
  peer.on('error', () => {});
  server.close();
  return {
    stream,
    peer,
    async [Symbol.asyncDispose]() {
      peer.destroy();
      stream.close();
      await stream.waitClosed();
    },
  };
}

/** Several at once. */
export async function connectToRawPeers(count: number): Promise<RawConnection[] & AsyncDisposable> {
  const connections = await Promise.all(Array.from({ length: count }, () => connectToRawPeer()));
  return Object.assign(connections, {
    async [Symbol.asyncDispose]() {
      for (const connection of connections) await connection[Symbol.asyncDispose]();
    },
  });
}

export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await nextTurn();
}

/** How a promise that should fail did; what it gave where it did not. */
export const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: unknown) => error);

/** Writes and waits until the system has the bytes, which on loopback is until our system has them. */
export async function peerSends(peer: Socket, bytes: string | Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) =>
    peer.write(bytes, (error) => (error ? reject(error) : resolve())),
  );
}
