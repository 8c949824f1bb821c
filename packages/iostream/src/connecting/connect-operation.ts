import type { ClockTimer, IOLoop } from '@landspout/ioloop';
import { shownText } from '@landspout/ioloop/errors';
import { onAbort } from '@landspout/ioloop/reactor';
import type { ResolvedAddress, Resolver } from '../addresses/resolver.ts';
import { type ConnectPhase, StreamConnectError, StreamTimeoutError } from '../errors.ts';
import type { TlsClientSettings } from '../tls/client/client-settings.ts';
import { secureClient } from '../tls/client/connect-tls.ts';
import type { Transport } from '../transport.ts';
import { startConnect } from './connect.ts';
import type { ConnectAttempt, ConnectObserver } from './connect-attempt.ts';
import type { ConnectTarget, HostTarget } from './connect-target.ts';
import type { ConnectTimings } from './connect-timings.ts';
import { connectToAny } from './happy-eyeballs.ts';

/** What a client uses for all of its connections. */
export interface ConnectMeans {
  readonly loop: IOLoop;
  readonly resolver: Resolver;
}

/** The checked options of one `connect`. */
export interface ConnectRequest {
  readonly to: HostTarget | { readonly path: string };
  /** Whether a TLS handshake follows, which the deadline covers too. */
  readonly isSecure: boolean;
  /** 0 means no limit. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly timings: ConnectTimings;
}

/**
 * One call of `TCPClient.connect`, from the name to the transport, within one deadline.
 *
 * An abort or the deadline stops the step in progress. An AbortController exists only for the steps that take a signal,
 * a look-up that has to wait and a handshake: it costs as much as all else that we do for a connection.
 */
export class ConnectOperation implements ConnectObserver {
  readonly #means: ConnectMeans;
  readonly #request: ConnectRequest;
  #resolve: (transport: Transport) => void = nothing;
  #reject: (error: unknown) => void = nothing;
  /** The connection that is being established. */
  #attempt: ConnectAttempt | undefined;
  /** Stops the look-up or the handshake that is in progress. */
  #controller: AbortController | undefined;
  /** Why the operation was stopped. */
  #stopped: { readonly reason: unknown } | undefined;
  #timer: ClockTimer | undefined;
  #stopListening: (() => void) | undefined;

  constructor(means: ConnectMeans, request: ConnectRequest) {
    this.#means = means;
    this.#request = request;
  }

  /** Resolves the name and connects. To be called once; call {@link end} after the last step. */
  connect(): Promise<Transport> {
    return new Promise((resolve, reject) => {
      this.#request.signal?.throwIfAborted();
      this.#resolve = resolve;
      this.#reject = reject;
      this.#start();
    });
  }

  /** Performs the TLS handshake over the transport of {@link connect}, and takes the transport over in any case. */
  async secure(transport: Transport, settings: TlsClientSettings): Promise<Transport> {
    if (this.#stopped !== undefined) {
      transport.close();
      throw this.#stopped.reason;
    }
    this.#startPhase('tls');
    this.#controller = new AbortController();
    return secureClient(transport, settings, this.#controller.signal, this.#means.loop);
  }

  /** Ends the deadline and the last phase. After this, nothing stops the operation. May be called twice. */
  end(): void {
    this.#timer?.cancel();
    this.#stopListening?.();
    this.#request.timings.finish(this.#means.loop.clock.now());
  }

  /** Called by the attempt. */
  connected(transport: Transport): void {
    this.#attempt = undefined;
    const { timings, isSecure } = this.#request;
    if (timings.attempts > 1) timings.reached(transport.remoteAddress);
    if (!isSecure) this.end();
    this.#resolve(transport);
  }

  /** Called by the attempt. */
  failed(error: unknown): void {
    this.#attempt = undefined;
    this.#reject(error);
  }

  #start(): void {
    const { signal, timeoutMs, to } = this.#request;
    const { loop, resolver } = this.#means;
    this.#stopListening = onAbort(signal, (reason) => this.#stop(reason));
    if (timeoutMs > 0) this.#timer = loop.clock.setTimeout(() => this.#expire(), timeoutMs);
    if ('path' in to) {
      this.#startPhase('connect');
      this.#attempt = this.#connectTo(to, this);
      return;
    }
    const known = resolver.resolveNow?.(to.host, { port: to.port, family: to.family });
    if (known === undefined) this.#lookUp(to);
    else this.#dial(to, known);
  }

  #lookUp(to: HostTarget): void {
    this.#startPhase('dns');
    const { host, port, family } = to;
    const controller = new AbortController();
    this.#controller = controller;
    const found = this.#means.resolver.resolve(host, { port, family, signal: controller.signal });
    const onFound = (addresses: readonly ResolvedAddress[]): void => {
      this.#controller = undefined;
      // A custom resolver may be slow to react to the abort.
      if (this.#stopped === undefined) this.#dial(to, addresses);
    };
    // A custom resolver may return any thenable, or no promise at all.
    Promise.resolve(found).then(onFound).catch(this.#reject);
  }

  #dial(to: HostTarget, found: readonly ResolvedAddress[]): void {
    const { host, family } = to;
    // A custom resolver may ignore the requested family.
    const addresses = family === undefined ? found : found.filter((one) => one.family === family);
    const [first] = addresses;
    if (first === undefined) {
      const kind = family === undefined ? 'address' : `IPv${family} address`;
      throw new StreamConnectError(
        'ERR_STREAM_RESOLVE',
        `connect: ${shownText(host, MAX_NAME)} has no ${kind}`,
      );
    }
    this.#startPhase('connect');
    if (addresses.length === 1) {
      this.#attempt = this.#connectTo(targetAt(first, to), this);
      return;
    }
    const targets = addresses.map((one) => targetAt(one, to));
    const connectTo = (target: ConnectTarget, observer: ConnectObserver) => this.#connectTo(target, observer);
    this.#attempt = connectToAny(host, targets, connectTo, this.#means.loop.clock, this);
  }

  #connectTo(target: ConnectTarget, observer: ConnectObserver): ConnectAttempt {
    this.#request.timings.attempted(target);
    return startConnect(this.#means.loop, target, observer);
  }

  #startPhase(phase: ConnectPhase): void {
    this.#request.timings.start(phase, this.#means.loop.clock.now());
  }

  #expire(): void {
    const { timeoutMs, timings, to } = this.#request;
    const message = `connect: not connected to ${peerName(to)} within ${timeoutMs} ms`;
    this.#stop(new StreamTimeoutError(message, { phase: timings.phase, address: timings.address }));
  }

  #stop(reason: unknown): void {
    this.#stopped = { reason };
    this.#attempt?.cancel();
    this.#attempt = undefined;
    this.#controller?.abort(reason);
    this.#reject(reason);
  }
}

const nothing = (): void => {};

const LOOPBACK = { 4: '127.0.0.1', 6: '::1' } as const;

/** One address of a host, with the local end from which to connect to it. */
function targetAt(found: ResolvedAddress, to: HostTarget) {
  const { localAddress, localPort } = to;
  return {
    address: found.address,
    family: found.family,
    port: found.port ?? to.port,
    localAddress: localAddress ?? (localPort === undefined ? undefined : LOOPBACK[found.family]),
    localPort,
  };
}

/** Maximum number of characters of a name in an error message. */
const MAX_NAME = 100;

function peerName(to: HostTarget | { readonly path: string }): string {
  if ('path' in to) return shownText(to.path, MAX_NAME);
  return `${shownText(to.host, MAX_NAME)}, port ${to.port},`;
}
