import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, open, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CompliancePair } from '../../src/compliance/index.ts';
import { NodeTransport, type Transport } from '../../src/transports/index.ts';
import { TlsTransport } from '../../src/transports/tls-transport.ts';
import { endBare } from './native-tls.ts';
import { openPair } from './stream-pair.ts';

/** By its descriptor, which nothing but the transport closes. */
const openFile = promisify(open) as (path: string, flags: string) => Promise<number>;

/** The transports of a channel, the client's first. */
export async function pairOver(channel: string): Promise<CompliancePair> {
  const pair = await openPair(channel);
  const [a, b] = [pair.a.detachTransport(), pair.b.detachTransport()];
  return { a, b, close: pair.close, ...(a instanceof TlsTransport && { endBare: () => endBare(a) }) };
}

/** The same pair with the server first, which then writes in the suites. */
export function turned({ a, b, close }: CompliancePair): CompliancePair {
  return { a: b, b: a, close, ...(b instanceof TlsTransport && { endBare: () => endBare(b) }) };
}

/** Both ends of a FIFO, opened as a shell opens them: one waits for the other. */
export async function pairOverFifo(
  openEnd: (fd: number, direction: 'read' | 'write') => Transport,
): Promise<CompliancePair> {
  const folder = mkdtempSync(join(tmpdir(), 'landspout-'));
  const path = join(folder, 'fifo');
  execFileSync('mkfifo', [path]);
  const [reading, writing] = await Promise.all([openFile(path, 'r'), openFile(path, 'w')]);
  rmSync(folder, { recursive: true });
  return { a: openEnd(writing, 'write'), b: openEnd(reading, 'read'), close: async () => {} };
}

/** Node's own sockets, as `IOStream.fromDuplex` takes them. */
export async function pairOfSockets({ allowHalfOpen }: { allowHalfOpen: boolean }): Promise<CompliancePair> {
  const server = createServer({ allowHalfOpen, noDelay: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const arrival = once(server, 'connection') as Promise<[Socket]>;
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen, noDelay: true }).pause();
  const [[accepted]] = await Promise.all([arrival, once(client, 'connect')]);
  server.close();
  return { a: new NodeTransport(client), b: new NodeTransport(accepted), close: async () => {} };
}
