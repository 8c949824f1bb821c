import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import type { TlsVersion } from '../../../src/index.ts';
import type { ForeignClient, ForeignOptions, ForeignOutcome, ForeignServer } from './foreign-end.ts';

/** node:tls as a client. */
export const nodeClient: ForeignClient = async (options) => {
  const { port, body, servername = 'localhost', connections = 1 } = options;
  let session: Buffer | undefined;
  let outcome: ForeignOutcome = { received: Buffer.alloc(0), failure: undefined };
  for (let count = 0; count < connections; count += 1) {
    const resumed = session === undefined ? {} : { session };
    const socket = connect({ port, host: '127.0.0.1', servername, ...shared(options), ...resumed });
    socket.on('session', (latest) => {
      session = latest;
    });
    outcome = await runClient(socket, body);
  }
  return outcome;
};

async function runClient(socket: TLSSocket, body: Uint8Array): Promise<ForeignOutcome> {
  const pieces: Buffer[] = [];
  let failure: string | undefined;
  let facts: Omit<ForeignOutcome, 'received' | 'failure'> = {};
  socket.on('data', (piece: Buffer) => pieces.push(piece));
  socket.on('error', (error: NodeJS.ErrnoException) => {
    failure ??= `${error.code} ${error.message}`;
  });
  socket.on('secureConnect', () => {
    facts = factsOf(socket);
    socket.write(body);
  });
  await new Promise((resolve) => socket.once('close', resolve));
  return { received: Buffer.concat(pieces), failure, ...facts };
}

/** node:tls as a server. */
export const nodeServer: ForeignServer = async (options) => {
  const { bytes, isOptional, connections = 1 } = options;
  const demands = { requestCert: options.caFile !== undefined, rejectUnauthorized: isOptional !== true };
  const server = createServer({ ...shared(options), ...demands });
  let count = 0;
  const outcome = new Promise<Omit<ForeignOutcome, 'received'>>((resolve) => {
    const end = (result: Omit<ForeignOutcome, 'received'>): void => {
      count += 1;
      if (count < connections) return;
      server.close();
      resolve(result);
    };
    server.on('tlsClientError', (error: NodeJS.ErrnoException) =>
      end({ failure: `${error.code} ${error.message}` }),
    );
    server.on('secureConnection', (socket) => {
      const facts = factsOf(socket);
      let left = bytes;
      let failure: string | undefined;
      socket.on('data', (piece: Buffer) => {
        left -= piece.length;
        socket.write(piece);
        if (left <= 0) socket.end();
      });
      socket.on('error', (error) => {
        failure = error.message;
      });
      socket.on('close', () => end({ failure, ...facts }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    outcome,
    async stop() {
      if (server.listening) server.close();
    },
  };
};

interface CommonOptions {
  readonly minVersion?: TlsVersion;
  readonly maxVersion?: TlsVersion;
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly ALPNProtocols?: string[];
  readonly crl?: string;
}

function shared({ version, caFile, certificate, alpn, crlFile }: ForeignOptions): CommonOptions {
  return {
    ...(version === undefined ? {} : { minVersion: version, maxVersion: version }),
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }),
    ...(certificate === undefined ? {} : { cert: certificate.cert, key: certificate.key }),
    ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
    ...(crlFile === undefined ? {} : { crl: readFileSync(crlFile, 'utf8') }),
  };
}

function factsOf(socket: TLSSocket): Omit<ForeignOutcome, 'received' | 'failure'> {
  return {
    version: socket.getProtocol() ?? undefined,
    alpn: socket.alpnProtocol || undefined,
    isResumed: socket.isSessionReused(),
    peer: [socket.getPeerCertificate()?.subject?.CN].flat()[0],
  };
}
