import {
  type IOStream,
  TCPClient,
  TCPServer,
  type TCPServerOptions,
  type TlsClientOptions,
  type TlsInfo,
  type TlsServerOptions,
} from '../../../src/index.ts';
import { host } from '../../support/tls-fixture.ts';

export interface BodyServer {
  readonly server: TCPServer;
  /** What the handshakes agreed on. */
  readonly seen: TlsInfo[];
  /** The common names of the clients' certificates. */
  readonly peers: (string | undefined)[];
}

/** A server that sends as many bytes back as it is told, while they arrive, and closes. */
export async function bodyServer(
  bytes: number,
  tls: TlsServerOptions,
  options: Partial<TCPServerOptions> = {},
): Promise<BodyServer> {
  const seen: TlsInfo[] = [];
  const peers: (string | undefined)[] = [];
  const handleStream = async (stream: IOStream): Promise<void> => {
    if (stream.tls !== undefined) seen.push(stream.tls);
    peers.push(commonNameOf(stream.tls));
    for (let left = bytes; left > 0; ) {
      const piece = await stream.readBytes(left, { partial: true });
      left -= piece.length;
      await stream.write(piece);
    }
    stream.closeGracefully();
  };
  const server = new TCPServer({ tls, handleStream, ...options });
  return { server: await server.listen({ host }), seen, peers };
}

/** Sends a body to a server and has it back. */
export async function exchangeBody(
  port: number,
  body: Uint8Array,
  tls: TlsClientOptions,
  client = new TCPClient(),
): Promise<{ readonly received: Uint8Array; readonly tls: TlsInfo; readonly peer: string | undefined }> {
  await using stream = await client.connect({
    host,
    port,
    tls: { servername: 'localhost', ...tls },
  });
  const [received] = await Promise.all([stream.readBytes(body.length), stream.write(body)]);
  const peer = commonNameOf(stream.tls);
  return { received, tls: stream.tls as TlsInfo, peer };
}

function commonNameOf(tls: TlsInfo | undefined): string | undefined {
  const name = tls?.getPeerCertificate()?.subject.CN;
  return typeof name === 'string' ? name : undefined;
}
