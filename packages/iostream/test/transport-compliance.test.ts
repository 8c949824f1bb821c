import { execFileSync } from 'node:child_process';
import { mkdtempSync, open, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { IOLoop } from '@landspout/ioloop';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { type CompliancePair, transportCompliance } from '../src/compliance/index.ts';
import { openNodeFd } from '../src/fd-transport.ts';
import {
  connect,
  connectNode,
  connectTls,
  type Listener,
  type ListenTarget,
  listen,
  listenNode,
  memoryPair,
  NodeTransport,
  openFd,
  TCPServer,
  type Transport,
  TransportDuplex,
} from '../src/index.ts';
import { type Certificates, makeCertificates } from './support/certificates.ts';

const loop = IOLoop.current();
const framework = { describe, it };
/** By its descriptor, which nothing but the transport closes. */
const openFile = promisify(open) as (path: string, flags: string) => Promise<number>;

type Listen = (target: ListenTarget, onConnection: (transport: Transport) => void) => Promise<Listener>;
/** Of what the tests open themselves; inherited listeners have tests of their own. */
type OwnTarget = Exclude<ListenTarget, { fd: number }>;
type Connect = (target: { address: string; port: number } | { path: string }) => Promise<Transport>;

/** One connection over a listener of its own. */
async function pairOver(target: OwnTarget, listenOn: Listen, connectTo: Connect): Promise<CompliancePair> {
  let accepted!: (transport: Transport) => void;
  const arrival = new Promise<Transport>((resolve) => {
    accepted = resolve;
  });
  const listener = await listenOn(target, (transport) => accepted(transport));
  const { address } = listener;
  const a = await connectTo(
    'path' in target ? target : { address: target.address, port: (address as { port: number }).port },
  );
  return { a, b: await arrival, close: () => listener.close() };
}

const node: [Listen, Connect] = [
  (target, onConnection) => listenNode(loop, target, { backlog: 5, onConnection }),
  (target) => connectNode(loop, target),
];
/** Whichever backend runs: on the portable one these are the same again. */
const backend: [Listen, Connect] = [
  (target, onConnection) => listen(loop, target, { backlog: 5, onConnection }),
  (target) => connect(loop, target),
];
const TCP: OwnTarget = { address: '127.0.0.1', port: 0 };

let folder: string;
let certificates: Certificates;
let sockets = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'landspout-'));
  certificates = makeCertificates();
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  certificates.remove();
});

const unixPath = (): OwnTarget => {
  sockets += 1;
  return { path: join(folder, `${sockets}.sock`) };
};

transportCompliance('memory transport', framework, async () => {
  const [a, b] = memoryPair();
  return { a, b, close: async () => {} };
});

/** The Duplex stands on a transport of the backend, whose lent bytes it must copy. */
transportCompliance(
  'node transport over any Duplex',
  framework,
  async () => {
    const { a, b, close } = await pairOver(TCP, ...backend);
    return {
      a: new NodeTransport(new TransportDuplex(a)),
      b: new NodeTransport(new TransportDuplex(b)),
      close,
    };
  },
  { reset: false },
);

transportCompliance('node transport over TCP', framework, () => pairOver(TCP, ...node));
transportCompliance('node transport over a Unix socket', framework, () => pairOver(unixPath(), ...node), {
  reset: false,
});
transportCompliance('backend transport over TCP', framework, () => pairOver(TCP, ...backend));
transportCompliance(
  'backend transport over a Unix socket',
  framework,
  () => pairOver(unixPath(), ...backend),
  { reset: false },
);

/** Both ends of a FIFO, opened as a shell opens them: one waits for the other. */
async function pairOverFifo(openFd: (fd: number, direction: 'read' | 'write') => Transport) {
  const path = (unixPath() as { path: string }).path;
  execFileSync('mkfifo', [path]);
  const [reading, writing] = await Promise.all([openFile(path, 'r'), openFile(path, 'w')]);
  const a = openFd(writing, 'write');
  return { a, b: openFd(reading, 'read'), close: async () => {} };
}

const ONE_WAY = { reset: false, oneWay: true };
transportCompliance(
  'node transport over a FIFO',
  framework,
  () => pairOverFifo((fd, direction) => openNodeFd(fd, direction)),
  ONE_WAY,
);
transportCompliance(
  'backend transport over a FIFO',
  framework,
  () => pairOverFifo((fd, direction) => openFd(fd, { direction })),
  ONE_WAY,
);

/** TLS is put on a connection of the backend, and read back through the stream's transport. */
transportCompliance(
  'node transport over TLS',
  framework,
  async () => {
    let accepted!: (transport: Transport) => void;
    const arrival = new Promise<Transport>((resolve) => {
      accepted = resolve;
    });
    const { certFile, keyFile } = certificates;
    const server = new TCPServer({
      tls: { certFile, keyFile },
      handleStream: (stream) => accepted(stream.detachTransport()),
    });
    await server.listen({ host: '127.0.0.1' });
    const plain = await connect(loop, { address: '127.0.0.1', port: server.port });
    const a = await connectTls(plain, { servername: 'localhost', caFile: certFile });
    return { a, b: await arrival, close: () => server.closeAll() };
  },
  { reset: false },
);
