import { IOLoop } from '@landspout/ioloop';
import type { Reactor, TlsBinding } from '@landspout/ioloop/reactor';
import type { CompliancePair } from '../../src/compliance/index.ts';
import {
  type NativeContext,
  type NativeContextOptions,
  openNativeContext,
} from '../../src/tls/native-context.ts';
import type { SocketAddress, TakenDescriptor } from '../../src/transport.ts';
import { HandshakeQueue } from '../../src/transports/handshake-queue.ts';
import { connect, listen, type Transport } from '../../src/transports/index.ts';
import { readNativeTlsInfo } from '../../src/transports/native-tls-info.ts';
import { TlsHandshake, type TlsHandshakeEvents } from '../../src/transports/tls-handshake.ts';
import { TlsTransport, type TlsWatcher } from '../../src/transports/tls-transport.ts';
import { makeCertificates } from './certificates.ts';

/** A descriptor that no transport owns, and its addresses. */
export interface PlainEnd extends TakenDescriptor {
  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress;
}

/** The two descriptors of one TCP connection. */
export interface PlainPair {
  readonly client: PlainEnd;
  readonly server: PlainEnd;
  close(): Promise<void>;
}

/** A pair whose transports run native TLS; `a` is the client. */
export interface NativePair extends CompliancePair {
  readonly a: TlsTransport;
  readonly b: TlsTransport;
  endBare(): void;
}

export interface NativePairOptions {
  readonly server?: Partial<NativeContextOptions>;
  readonly client?: Partial<NativeContextOptions>;
  readonly clientWatcher?: TlsWatcher;
  readonly serverWatcher?: TlsWatcher;
  /** Offered by the client for resumption. */
  readonly session?: Uint8Array | undefined;
}

/** What the parts of native TLS need. @throws where node:tls is used. */
export function nativeTls(): { loop: IOLoop; reactor: Reactor; binding: TlsBinding; queue: HandshakeQueue } {
  const loop = IOLoop.current();
  const { reactor } = loop;
  if (reactor === undefined || !('binding' in reactor.tls))
    throw new Error(`no native TLS: ${loop.tlsReason}`);
  return { loop, reactor, binding: reactor.tls.binding, queue: HandshakeQueue.of(reactor) };
}

/** A connection between two descriptors that nothing watches. */
export async function plainPair(): Promise<PlainPair> {
  const loop = IOLoop.current();
  let accepted!: (transport: Transport) => void;
  const arrival = new Promise<Transport>((resolve) => {
    accepted = resolve;
  });
  const target = { address: '127.0.0.1', port: 0 };
  const listener = await listen(loop, target, {
    backlog: 5,
    onConnection: (transport) => accepted(transport),
  });
  const { port } = listener.address as { port: number };
  const client = await connect(loop, { ...target, port });
  const server = await arrival;
  return { client: taken(client), server: taken(server), close: () => listener.close() };
}

let certificates: { readonly cert: Buffer; readonly key: Buffer } | undefined;

/** A self-signed certificate for `localhost`, made once for each file of tests. */
export function ownCertificate(): { readonly cert: Buffer; readonly key: Buffer } {
  if (certificates === undefined) {
    const { cert, key, remove } = makeCertificates();
    remove();
    certificates = { cert, key };
  }
  return certificates;
}

/** A context with the certificate of these tests. */
export function serverContext(options: Partial<NativeContextOptions> = {}): NativeContext {
  const { credentials, ...others } = options;
  const all = { ...ownCertificate(), ...credentials };
  return openNativeContext(nativeTls().binding, { isServer: true, verify: 0, ...others, credentials: all });
}

/** A context that trusts the certificate of these tests. */
export function clientContext(options: Partial<NativeContextOptions> = {}): NativeContext {
  const { credentials, ...others } = options;
  const all = { ca: ownCertificate().cert, ...credentials };
  return openNativeContext(nativeTls().binding, { isServer: false, verify: 2, ...others, credentials: all });
}

/** Attaches a descriptor to a context. A client expects the certificate of `localhost`. */
export function attach(end: PlainEnd, context: NativeContext, isServer: boolean): void {
  const { binding } = nativeTls();
  const result = binding.tlsAttach(end.slot, end.generation, context.number, end.early);
  if (result !== 0) throw new Error(`tlsAttach returned ${result}`);
  if (!isServer) binding.tlsExpect(end.slot, end.generation, 'localhost', 'localhost', false);
}

export interface ShakeHandsOptions {
  /** Default: those of this thread. */
  readonly loop?: IOLoop;
  readonly queue?: HandshakeQueue;
}

/** The handshake of an attached descriptor, not started. The outcome is whether input is left. */
export function shakeHands(
  end: PlainEnd,
  events: Partial<TlsHandshakeEvents> = {},
  options: ShakeHandsOptions = {},
): { readonly handshake: TlsHandshake; readonly outcome: Promise<boolean> } {
  const { reactor, binding } = nativeTls();
  const { loop, queue } = { ...nativeTls(), ...options };
  let handshake!: TlsHandshake;
  const outcome = new Promise<boolean>((resolve, reject) => {
    handshake = new TlsHandshake(loop, reactor, binding, end, queue, {
      complete: resolve,
      failed: reject,
      ...events,
    });
  });
  return { handshake, outcome };
}

/** The transport over a descriptor whose handshake is complete. */
export function secured(
  end: PlainEnd,
  isServer: boolean,
  hasInput: boolean,
  watcher?: TlsWatcher,
  peerExpected = !isServer,
): TlsTransport {
  const { loop, reactor, binding } = nativeTls();
  const { localAddress, remoteAddress } = end;
  return new TlsTransport({
    loop,
    reactor,
    binding,
    descriptor: end,
    localAddress,
    remoteAddress,
    proxied: undefined,
    tls: readNativeTlsInfo(binding, end, { isServer, peerExpected }),
    watcher,
    hasInput,
  });
}

/** Two transports over native TLS. */
export async function nativePair(options: NativePairOptions = {}): Promise<NativePair> {
  const { client, server, close } = await plainPair();
  attach(client, clientContext(options.client), false);
  const { session } = options;
  if (session !== undefined) nativeTls().binding.tlsResume(client.slot, client.generation, session);
  attach(server, serverContext(options.server), true);
  const [ours, theirs] = [shakeHands(client), shakeHands(server)];
  ours.handshake.start();
  theirs.handshake.start();
  const [clientInput, serverInput] = await Promise.all([ours.outcome, theirs.outcome]);
  receiveTickets(client);
  const peerExpected = (options.server?.verify ?? 0) > 0;
  const a = secured(client, false, clientInput, options.clientWatcher);
  const b = secured(server, true, serverInput, options.serverWatcher, peerExpected);
  return { a, b, close, endBare: () => endBare(a) };
}

type Slot = Pick<PlainEnd, 'slot' | 'generation'>;

/** Sends bytes past TLS until the kernel takes no more, even a little later. @returns how many it took. */
export async function fillKernel({ slot, generation }: Slot): Promise<number> {
  const { binding } = nativeTls().reactor;
  const bytes = Buffer.alloc(64 * 1024);
  let total = 0;
  for (let refusals = 0; refusals < 10; ) {
    const sent = binding.sendBytes(slot, generation, bytes, 0, bytes.length);
    refusals = sent > 0 ? 0 : refusals + 1;
    if (sent > 0) total += sent;
    else await new Promise((resolve) => setImmediate(resolve));
  }
  return total;
}

/** Receives bytes past TLS: this many, or all until the end of TCP. @returns how many there were. */
export async function drainKernel({ slot, generation }: Slot, byteLength = Infinity): Promise<number> {
  const { binding, constants } = nativeTls().reactor;
  const target = Buffer.alloc(64 * 1024);
  let total = 0;
  while (total < byteLength) {
    const wanted = Math.min(byteLength - total, target.length);
    const received = binding.recv(slot, generation, target, 0, wanted);
    if (received > 0) total += received;
    else if (received !== -constants.EAGAIN) break;
    else await new Promise((resolve) => setImmediate(resolve));
  }
  return total;
}

/** Ends the writing side of the connection below TLS. */
export function endBare({ slot, generation }: Slot): void {
  nativeTls().reactor.binding.shutdown(slot, generation, 1);
}

/** Receives the tickets of TLS 1.3: closing a connection with unread bytes would be a reset. */
function receiveTickets({ slot, generation }: PlainEnd): void {
  nativeTls().binding.tlsRecv(slot, generation, Buffer.alloc(64 * 1024), 0, 64 * 1024);
}

function taken(transport: Transport): PlainEnd {
  const { localAddress, remoteAddress } = transport;
  transport.setNoDelay(true);
  const descriptor = transport.takeDescriptor?.();
  if (descriptor === undefined) throw new Error('the transport has no descriptor of the reactor');
  return { ...descriptor, localAddress, remoteAddress };
}
