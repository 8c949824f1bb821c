import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IOLoop } from '@landspout/ioloop';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { type CompliancePair, transportCompliance } from '../../src/compliance/index.ts';
import { type ListenTarget, openFd } from '../../src/index.ts';
import { openNodeFd } from '../../src/transports/fd-transport.ts';
import {
  connect,
  connectNode,
  type Listener,
  listen,
  listenNode,
  memoryPair,
  NodeTransport,
  type Transport,
  TransportDuplex,
} from '../../src/transports/index.ts';
import { itNatively } from '../support/native-case.ts';
import { nativePair } from '../support/native-tls.ts';
import {
  pairOfSockets,
  pairOver as pairOverChannel,
  pairOverFifo,
  turned,
} from '../support/transport-pairs.ts';

const loop = IOLoop.current();
const framework = { describe, it };
const natively = { describe, it: itNatively };

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
let sockets = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'landspout-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
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
transportCompliance('node transport over any Duplex', framework, async () => {
  const { a, b, close } = await pairOver(TCP, ...backend);
  return {
    a: new NodeTransport(new TransportDuplex(a)),
    b: new NodeTransport(new TransportDuplex(b)),
    close,
  };
});

transportCompliance('node transport over TCP', framework, () => pairOver(TCP, ...node));
transportCompliance('node transport over a Unix socket', framework, () => pairOver(unixPath(), ...node), {
  reset: 'as-end',
});
transportCompliance('backend transport over TCP', framework, () => pairOver(TCP, ...backend));
transportCompliance(
  'backend transport over a Unix socket',
  framework,
  () => pairOver(unixPath(), ...backend),
  { reset: 'as-end' },
);

const TLS_1_2 = { credentials: { maxVersion: 'TLSv1.2' } } as const;
const ONE_WAY = { reset: 'as-end', oneWay: true } as const;
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

transportCompliance('transport over TLS', framework, () => pairOverChannel('TLS'));
transportCompliance('transport over TLS, the server writing', framework, async () =>
  turned(await pairOverChannel('TLS')),
);

const bare = { bareEnds: true };
transportCompliance('TlsTransport', natively, () => nativePair(), bare);
transportCompliance(
  'TlsTransport, the server writing',
  natively,
  async () => turned(await nativePair()),
  bare,
);
transportCompliance('TlsTransport with TLS 1.2', natively, () => nativePair({ server: TLS_1_2 }), bare);

transportCompliance(
  'node transport over a socket that ends with its peer',
  framework,
  () => pairOfSockets({ allowHalfOpen: false }),
  { halfClose: false },
);
