import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bindUnixSocket,
  IOStream,
  type IOStreamOptions,
  TCPClient,
  TCPServer,
  type TCPServerOptions,
  TlsServerContext,
} from '../../src/index.ts';
import { memoryPair } from '../../src/transports/index.ts';
import { makeCertificates } from './certificates.ts';

export interface StreamPair {
  readonly a: IOStream;
  readonly b: IOStream;
  close(): Promise<void>;
}

type PairOptions = Omit<IOStreamOptions, 'clock'>;

/** Two ends of one connection, `b` being the server's where there is one, over whichever backend runs. */
const CHANNELS: Record<string, (options?: PairOptions) => Promise<StreamPair>> = {
  async memory(options) {
    const [one, other] = memoryPair();
    return closingBoth(new IOStream(one, options), new IOStream(other, options));
  },
  async TCP(options = {}) {
    const { server, arrival } = accepting(options);
    await server.listen({ port: 0, host: HOST });
    const a = await client.connect({ host: HOST, port: server.port, ...options });
    return closingBoth(a, await arrival, () => server.stop());
  },
  async 'a Unix socket'(options = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'landspout-'));
    const path = join(folder, 'socket');
    const { server, arrival } = accepting(options);
    await server.addSockets([await bindUnixSocket(path)]);
    const a = await client.connect({ path, ...options });
    return closingBoth(a, await arrival, async () => {
      await server.stop();
      rmSync(folder, { recursive: true });
    });
  },
  async TLS(options = {}) {
    const { context, ca } = tlsSecrets();
    const { server, arrival } = accepting({ ...options, tls: context });
    await server.listen({ port: 0, host: HOST });
    const tls = { servername: 'localhost', ca };
    const a = await client.connect({ host: HOST, port: server.port, tls, ...options });
    const b = await arrival;
    await exchangeBytes(a, b);
    return closingBoth(renewed(a), renewed(b), () => server.stop());
  },
};

const HOST = '127.0.0.1';
const client = new TCPClient();
let secrets: ReturnType<typeof tlsSecrets> | undefined;

export const CHANNEL_NAMES = Object.keys(CHANNELS);

/**
 * Writes to a peer that does not read. When that one resets now, it is a reset on each channel: Linux makes one of the
 * close of a Unix socket, too, that has unread bytes.
 */
export async function leaveUnread(from: IOStream): Promise<void> {
  await from.write('unread');
}

/** How a read fails whose peer resets: a Unix socket has no reset, and its peer sees an end. */
export function afterReset(channel: string): object {
  return {
    code: 'ERR_STREAM_CLOSED',
    cause: channel === 'a Unix socket' ? undefined : { code: 'ECONNRESET' },
  };
}

export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** A pair that its user closes. */
export function openPair(channel: string, options?: PairOptions): Promise<StreamPair> {
  return (CHANNELS[channel] as (typeof CHANNELS)[string])(options);
}

/** Runs `test` on a fresh pair and closes it. */
export async function withPair(
  channel: string,
  test: (pair: StreamPair) => Promise<void>,
  options?: PairOptions,
): Promise<void> {
  const pair = await openPair(channel, options);
  try {
    await test(pair);
  } finally {
    await pair.close();
  }
}

/** Sends each byte so that it comes alone. */
export async function sendByBytes(from: IOStream, to: IOStream, bytes: Uint8Array | string): Promise<void> {
  const all = Buffer.from(bytes as string, 'latin1');
  for (let at = 0; at < all.length; at += 1) {
    const before = to.bytesReceived;
    await from.write(all.subarray(at, at + 1));
    while (to.bytesReceived === before) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A server that does not listen yet, and the one stream that it will accept. */
function accepting(options: Partial<TCPServerOptions>) {
  let accepted!: (stream: IOStream) => void;
  const arrival = new Promise<IOStream>((resolve) => {
    accepted = resolve;
  });
  return { server: new TCPServer({ ...options, handleStream: (stream) => accepted(stream) }), arrival };
}

function closingBoth(a: IOStream, b: IOStream, whenClosed?: () => Promise<unknown>): StreamPair {
  return {
    a,
    b,
    async close() {
      a.close();
      b.close();
      await Promise.all([a.waitClosed(), b.waitClosed()]);
      await whenClosed?.();
    },
  };
}

/**
 * The client's handshake is over before the server's: it sends tickets yet, and a reset that meets those is an end for
 * the server.
 */
async function exchangeBytes(a: IOStream, b: IOStream): Promise<void> {
  await Promise.all([a.write('a'), b.readBytes(1)]);
  await Promise.all([b.write('b'), a.readBytes(1)]);
}

/** A stream on the same connection that has counted nothing yet. */
function renewed(stream: IOStream): IOStream {
  const { options } = stream;
  return new IOStream(stream.detachTransport(), options);
}

/** A server's certificate for `localhost`, made once for each file of tests, and what believes in it. */
function tlsSecrets(): { readonly context: TlsServerContext; readonly ca: Buffer } {
  if (secrets === undefined) {
    const certificates = makeCertificates();
    const { cert, key } = certificates;
    // Both are in memory, and the files are not needed any more.
    certificates.remove();
    secrets = { context: new TlsServerContext({ cert, key }), ca: cert };
  }
  return secrets;
}
