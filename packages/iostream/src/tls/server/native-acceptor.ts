import type { ClockTimer, IOLoop } from '@landspout/ioloop';
import { type Reactor, systemError } from '@landspout/ioloop/reactor';
import type { ProxiedConnection, SocketAddress, TakenDescriptor, Transport } from '../../transport.ts';
import { HandshakeQueue } from '../../transports/handshake-queue.ts';
import { readNativeTlsInfo } from '../../transports/native-tls-info.ts';
import { TlsHandshake, type TlsHandshakeEvents } from '../../transports/tls-handshake.ts';
import { TlsTransport, type TlsWatcher } from '../../transports/tls-transport.ts';
import {
  goneError,
  type HandshakeError,
  handshakeError,
  handshakeTimeout,
  missingCertificateError,
  untrustedError,
} from '../handshake-error.ts';
import { reportKeyLines } from '../key-log.ts';
import type { TlsAcceptance, TlsAcceptorEvents } from './acceptance.ts';
import type { NativeServerContexts } from './native-server-contexts.ts';
import type { TlsServerContext } from './server-context.ts';

/**
 * Handshakes with native TLS, on descriptors of the reactor. An established connection costs nothing here: its transport
 * only refers to this object, as its watcher.
 */
export class NativeTlsAcceptor implements TlsAcceptance, TlsWatcher {
  readonly #context: TlsServerContext;
  readonly #loop: IOLoop;
  readonly #events: TlsAcceptorEvents;
  readonly #handshakes = new Set<ServerHandshake>();

  constructor(context: TlsServerContext, loop: IOLoop, events: TlsAcceptorEvents) {
    this.#context = context;
    this.#loop = loop;
    this.#events = events;
  }

  accept(transport: Transport): boolean {
    const { reactor } = this.#loop;
    if (transport.takeDescriptor === undefined || reactor === undefined) return false;
    const contexts = this.#context.nativeContexts(this.#loop);
    if (contexts === undefined) return false;
    // Read them now: they are asked of the transport, which cannot be used after it has released its descriptor.
    const { localAddress, remoteAddress, proxied } = transport;
    const descriptor = transport.takeDescriptor();
    if (descriptor === undefined) return false;
    new ServerHandshake(this, this.#loop, reactor, contexts, descriptor, {
      localAddress,
      remoteAddress,
      proxied,
    }).start();
    return true;
  }

  destroyHandshakes(): void {
    for (const handshake of this.#handshakes) handshake.abandon(goneError());
  }

  /** An established connection is closed at once by its transport. */
  destroyAll(): void {
    this.destroyHandshakes();
  }

  // ---- events of handshakes and transports ----

  started(handshake: ServerHandshake): void {
    this.#handshakes.add(handshake);
    this.#context.handshakeStarted();
  }

  ended(handshake: ServerHandshake): void {
    this.#handshakes.delete(handshake);
    this.#context.handshakeEnded();
  }

  secured(transport: TlsTransport): void {
    this.#events.secured(transport);
  }

  failed(error: HandshakeError, peer: { readonly remoteAddress: SocketAddress }): void {
    this.#events.failed(error, peer.remoteAddress);
    this.#events.closed(peer);
  }

  closed(transport: TlsTransport): void {
    this.#events.closed(transport);
  }

  keyLines(lines: string): void {
    const { keyLog } = this.#context.settings;
    if (keyLog !== undefined) reportKeyLines(keyLog, lines, this.#loop);
  }
}

interface Addresses {
  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress;
  readonly proxied: ProxiedConnection | undefined;
}

/** One handshake: its deadline, the choice of its certificate, and the transport at its end. */
class ServerHandshake implements TlsHandshakeEvents {
  /** Not set if no keys are logged: then they are not asked for. */
  readonly keyLines?: (lines: string) => void;

  readonly #acceptor: NativeTlsAcceptor;
  readonly #loop: IOLoop;
  readonly #reactor: Reactor;
  readonly #contexts: NativeServerContexts;
  readonly #descriptor: TakenDescriptor;
  readonly #addresses: Addresses;
  #handshake: TlsHandshake | undefined;
  #deadline: ClockTimer | undefined;
  /** Why the requested name was refused: OpenSSL reports only that it was. */
  #refusal: HandshakeError | undefined;

  constructor(
    acceptor: NativeTlsAcceptor,
    loop: IOLoop,
    reactor: Reactor,
    contexts: NativeServerContexts,
    descriptor: TakenDescriptor,
    addresses: Addresses,
  ) {
    this.#acceptor = acceptor;
    this.#loop = loop;
    this.#reactor = reactor;
    this.#contexts = contexts;
    this.#descriptor = descriptor;
    this.#addresses = addresses;
    if (contexts.settings.keyLog !== undefined) this.keyLines = (lines) => acceptor.keyLines(lines);
  }

  start(): void {
    const { slot, generation, early } = this.#descriptor;
    const { binding, settings } = this.#contexts;
    this.#acceptor.started(this);
    try {
      const result = binding.tlsAttach(slot, generation, this.#contexts.begin(), early);
      if (result < 0) throw systemError(result, 'tlsAttach');
    } catch (error) {
      this.#closeDescriptor();
      this.#fail(error as Error);
      return;
    }
    const { handshakeTimeoutMs } = settings;
    this.#deadline = this.#loop.clock.setTimeout(
      () => this.abandon(handshakeTimeout(handshakeTimeoutMs)),
      handshakeTimeoutMs,
    );
    const queue = HandshakeQueue.of(this.#reactor);
    this.#handshake = new TlsHandshake(this.#loop, this.#reactor, binding, this.#descriptor, queue, this);
    this.#handshake.start();
  }

  /** Closes the connection. */
  abandon(error: HandshakeError): void {
    this.#handshake?.cancel();
    this.#fail(error);
  }

  // ---- events of the handshake ----

  chooseContext(servername: string | undefined): number {
    if (servername === undefined) return 0;
    try {
      return this.#contexts.choose(servername);
    } catch (error) {
      this.#refusal = handshakeError(error as Error);
      return -1;
    }
  }

  complete(hasInput: boolean): void {
    this.#end();
    const { binding, settings } = this.#contexts;
    const { requestCert, rejectUnauthorized } = settings;
    const tls = readNativeTlsInfo(binding, this.#descriptor, { isServer: true, peerExpected: requestCert });
    // OpenSSL accepts a resumed session without a client certificate if the session was created when none was
    // required.
    if (requestCert && rejectUnauthorized && !tls.authorized) {
      const { authorizationError = 'UNSPECIFIED' } = tls;
      const isMissing = tls.getPeerCertificate() === undefined;
      this.#closeDescriptor();
      const error = isMissing ? missingCertificateError() : untrustedError(authorizationError);
      this.#acceptor.failed(error, this.#addresses);
      return;
    }
    const transport = new TlsTransport({
      ...this.#addresses,
      loop: this.#loop,
      reactor: this.#reactor,
      binding,
      descriptor: this.#descriptor,
      tls,
      watcher: this.#acceptor,
      hasInput,
    });
    this.#acceptor.secured(transport);
  }

  failed(error: Error): void {
    this.#fail(this.#refusal ?? error);
  }

  #fail(error: Error): void {
    this.#end();
    this.#acceptor.failed(handshakeError(error), this.#addresses);
  }

  #end(): void {
    this.#deadline?.cancel();
    this.#contexts.end();
    this.#acceptor.ended(this);
  }

  #closeDescriptor(): void {
    const { slot, generation } = this.#descriptor;
    this.#reactor.binding.close(slot, generation);
  }
}
