import { IOStream, type IOStreamOptions, memoryPair, TCPClient, TCPServer } from '../../src/index.ts';

export interface StreamPair {
  readonly a: IOStream;
  readonly b: IOStream;
  close(): Promise<void>;
}

type PairOptions = Omit<IOStreamOptions, 'clock'>;

/** Two ends of one connection, over memory and over TCP of whichever backend runs. */
const CHANNELS: Record<string, (options?: PairOptions) => Promise<StreamPair>> = {
  async memory(options) {
    const [one, other] = memoryPair();
    const a = new IOStream(one, options);
    const b = new IOStream(other, options);
    return {
      a,
      b,
      async close() {
        a.close();
        b.close();
        await Promise.all([a.waitClosed(), b.waitClosed()]);
      },
    };
  },
  async TCP(options) {
    let accepted!: (stream: IOStream) => void;
    const arrival = new Promise<IOStream>((resolve) => {
      accepted = resolve;
    });
    const server = new TCPServer({ ...options, handleStream: (stream) => accepted(stream) });
    await server.listen({ port: 0, host: '127.0.0.1' });
    const a = await new TCPClient().connect({ host: '127.0.0.1', port: server.port, ...options });
    const b = await arrival;
    return {
      a,
      b,
      async close() {
        a.close();
        b.close();
        await Promise.all([a.waitClosed(), b.waitClosed(), server.stop()]);
      },
    };
  },
};

export const CHANNEL_NAMES = Object.keys(CHANNELS);

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
