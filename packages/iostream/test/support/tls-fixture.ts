import { IOLoop, type Logger } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { type IOStream, TCPServer, type TCPServerOptions, type TlsInfo } from '../../src/index.ts';

export const host = '127.0.0.1';

export async function echoLines(stream: IOStream): Promise<void> {
  for (;;) await stream.write(await stream.readUntil('\n'));
}

/** Sends a line and has it back. */
export async function echoOf(stream: IOStream, line = 'hello\n'): Promise<string> {
  void stream.write(line);
  return (await stream.readUntil('\n')).toString();
}

/** A server that echoes lines, and what the handshakes of its connections agreed on. */
export async function echoServer(
  tls: NonNullable<TCPServerOptions['tls']>,
  options: Partial<TCPServerOptions> = {},
): Promise<{ server: TCPServer; seen: TlsInfo[] }> {
  const seen: TlsInfo[] = [];
  const server = new TCPServer({
    tls,
    handleStream(stream) {
      if (stream.tls !== undefined) seen.push(stream.tls);
      return echoLines(stream);
    },
    ...options,
  });
  return { server: await server.listen({ host }), seen };
}

export interface HandshakeRecord {
  readonly level: keyof Logger;
  readonly message: string;
  readonly error?: { readonly code: string; readonly message: string; readonly cause?: unknown };
  readonly remoteAddress?: unknown;
  readonly count?: number;
  readonly reasons?: Readonly<Record<string, number>>;
}

/** A loop whose time the test lets pass, and what is logged on it. */
export function watchedLoop(): { loop: IOLoop; clock: VirtualClock; records: HandshakeRecord[] } {
  const records: HandshakeRecord[] = [];
  const record = (level: keyof Logger) => (details: object, message: string) =>
    void records.push({ ...details, level, message });
  const logger: Logger = {
    debug: record('debug'),
    info: record('info'),
    warn: record('warn'),
    error: record('error'),
  };
  const clock = new VirtualClock();
  return { loop: new IOLoop({ logger, clock }), clock, records };
}
