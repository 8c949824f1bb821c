import { type IOStream, TCPClient, TCPServer, type TlsVersion } from '../../../src/index.ts';
import type { IssuedCertificate } from '../../support/certificates.ts';
import { echoLines, host } from '../../support/tls-fixture.ts';
import { type Intruder, intrudeAsClient, intrudeAsServer } from './intruder.ts';

/** A stream under test that echoes lines, and an intruder at the other end. */
export interface EchoEnd extends AsyncDisposable {
  readonly stream: IOStream;
  readonly intruder: Intruder;
}

type OpenEnd = (own: IssuedCertificate, version: TlsVersion) => Promise<EchoEnd>;

/** The side that is under test. */
export const SIDES: Readonly<Record<'server' | 'client', OpenEnd>> = {
  async server(own, version) {
    let accepted!: (stream: IOStream) => void;
    const arrival = new Promise<IOStream>((resolve) => {
      accepted = resolve;
    });
    const server = await new TCPServer({
      tls: { certFile: own.certFile, keyFile: own.keyFile },
      handleStream(stream) {
        accepted(stream);
        return echoUntilItEnds(stream);
      },
    }).listen({ host });
    const intruder = await intrudeAsClient(server.port, version);
    return ending(await arrival, intruder, () => server.stop());
  },
  async client(own, version) {
    const { port, intruder } = await intrudeAsServer(own, version);
    const tls = { ca: own.cert, servername: 'localhost' };
    const stream = await new TCPClient().connect({ host, port, tls });
    void echoUntilItEnds(stream);
    return ending(stream, await intruder, async () => {});
  },
};

/** How a test finds out which error ended the stream: by its `error`. */
async function echoUntilItEnds(stream: IOStream): Promise<void> {
  await echoLines(stream).catch(() => {});
  stream.close();
}

function ending(stream: IOStream, intruder: Intruder, stop: () => Promise<unknown>): EchoEnd {
  return {
    stream,
    intruder,
    async [Symbol.asyncDispose]() {
      await intruder[Symbol.asyncDispose]();
      stream.close();
      await stream.waitClosed();
      await stop();
    },
  };
}
