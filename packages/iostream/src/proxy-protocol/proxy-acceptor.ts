// The proxy-protocol/ folder holds the PROXY protocol, versions 1 and 2: decoding a header, and reading one from a
// connection before anything else uses it. It does not depend on streams or servers.

import type { IOLoop } from '@landspout/ioloop';
import { excerpt } from '@landspout/ioloop/errors';
import type { RateLimitedLog } from '@landspout/ioloop/reactor';
import { StreamTimeoutError } from '../errors.ts';
import type { SocketAddress, Transport, TransportEvents } from '../transport.ts';
import { ProxiedTransport } from './proxied-transport.ts';
import { ProxyProtocolError } from './proxy-errors.ts';
import type { ProxyHeader, ProxyHeaderProgress } from './proxy-header.ts';
import { ProxyHeaderDecoder } from './proxy-header-decoder.ts';
import type { ProxySettings } from './proxy-options.ts';

/** The outcome of a connection passed to {@link ProxyAcceptor.accept}: exactly one of these is called, once. */
export interface ProxyAcceptorEvents {
  /** The header was read, so the client is known if the proxy named it. Must not throw. */
  complete(transport: Transport): void;
  /**
   * The connection is closed.
   *
   * @param error - `undefined` if the proxy closed it without sending anything, or the server closed it. Must not
   *   throw.
   */
  gone(error: Error | undefined): void;
}

/** Reads the PROXY header of each connection from a listed proxy, before anything else uses the connection. */
export class ProxyAcceptor {
  readonly #settings: ProxySettings;
  readonly #loop: IOLoop;
  readonly #readings = new Set<HeaderReading>();
  readonly #log: RateLimitedLog;

  constructor(settings: ProxySettings, loop: IOLoop, refusalLog: RateLimitedLog) {
    this.#settings = settings;
    this.#loop = loop;
    this.#log = refusalLog;
  }

  /**
   * Whether a connection comes from a listed proxy.
   *
   * @param isUnix - whether it was accepted on a Unix socket. The address is not enough: a TCP peer that has
   *   disconnected has no address and looks like a Unix peer.
   */
  isProxy(remoteAddress: SocketAddress, isUnix: boolean): boolean {
    return (remoteAddress.family === 'unix') === isUnix && this.#settings.from.has(remoteAddress);
  }

  /** Takes over a connection from a proxy. The connection keeps the process alive until its header has arrived. */
  accept(transport: Transport, events: ProxyAcceptorEvents): void {
    const reading = new HeaderReading(transport, this.#settings, this.#loop, {
      complete: (proxied) => {
        this.#readings.delete(reading);
        events.complete(proxied);
      },
      failed: (error) => {
        this.#readings.delete(reading);
        if (error !== undefined) {
          const details = { error, proxyAddress: transport.remoteAddress };
          this.#log.warn(
            'proxy-header',
            details,
            'a proxy sent no valid PROXY header; its connection is reset',
          );
        }
        events.gone(error);
      },
    });
    this.#readings.add(reading);
  }

  /** Closes every connection whose header has not arrived yet. */
  closeAll(): void {
    for (const reading of this.#readings) reading.abandon();
  }
}

/** The outcome of reading one header. */
interface HeaderReadingEvents {
  /** The header was read, or is missing and not required. Called once; no other callback follows. */
  complete(transport: ProxiedTransport): void;
  /**
   * The connection is closed. Called once.
   *
   * @param error - `undefined` if the peer closed the connection without sending anything, or `abandon` was called.
   */
  failed(error: Error | undefined): void;
}

/** The state of one connection. The decoder and its bytes are released once the header is read. */
type State =
  | { readonly kind: 'reading'; readonly decoder: ProxyHeaderDecoder; readonly deadline: { cancel(): void } }
  | { readonly kind: 'passing-on'; readonly to: ProxiedTransport }
  | { readonly kind: 'failed' };

/**
 * Reads the PROXY header of one connection, then forwards the events of the connection to a {@link ProxiedTransport}.
 */
class HeaderReading implements TransportEvents {
  readonly #transport: Transport;
  readonly #required: boolean;
  readonly #events: HeaderReadingEvents;
  #state: State;

  constructor(transport: Transport, settings: ProxySettings, loop: IOLoop, events: HeaderReadingEvents) {
    const { required, timeoutMs, maxHeaderBytes } = settings;
    this.#transport = transport;
    this.#required = required;
    this.#events = events;
    // The deadline is never extended, so that sending a header byte by byte does not gain time.
    const deadline = loop.clock.setTimeout(() => {
      this.#fail(new StreamTimeoutError(`no complete PROXY header arrived within ${timeoutMs} ms`));
    }, timeoutMs);
    this.#state = { kind: 'reading', decoder: new ProxyHeaderDecoder(maxHeaderBytes), deadline };
    transport.attach(this);
    transport.resume();
  }

  /** Closes the connection, unless its header has already arrived. */
  abandon(): void {
    this.#fail(undefined);
  }

  received(bytes: Buffer, start: number, end: number): void {
    const state = this.#state;
    if (state.kind === 'passing-on') state.to.received(bytes, start, end);
    else if (state.kind === 'reading') this.#decode(state.decoder, bytes.subarray(start, end));
  }

  ended(isBare: boolean): void {
    if (this.#state.kind === 'passing-on') this.#state.to.ended(isBare);
    else this.#gone();
  }

  sent(byteLength: number): void {
    if (this.#state.kind === 'passing-on') this.#state.to.sent(byteLength);
  }

  writable(): void {
    if (this.#state.kind === 'passing-on') this.#state.to.writable();
  }

  closed(error: Error | undefined): void {
    if (this.#state.kind === 'passing-on') this.#state.to.closed(error);
    else this.#gone();
  }

  #decode(decoder: ProxyHeaderDecoder, bytes: Uint8Array): void {
    let progress: ProxyHeaderProgress;
    try {
      progress = decoder.receive(bytes);
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    switch (progress.kind) {
      case 'need-data':
        return;
      case 'header':
        this.#complete(progress.header, decoder.takeFrom(progress.byteLength));
        return;
      case 'no-header': {
        const early = decoder.takeFrom(0);
        if (this.#required) this.#fail(missing(early));
        else this.#complete(undefined, early);
        return;
      }
    }
  }

  #complete(header: ProxyHeader | undefined, early: Buffer): void {
    this.#transport.pause();
    const to = new ProxiedTransport(this.#transport, header, early);
    this.#become({ kind: 'passing-on', to });
    this.#events.complete(to);
  }

  /**
   * A load balancer's health check connects and disconnects without sending anything, so only an incomplete header is
   * an error.
   */
  #gone(): void {
    if (this.#state.kind !== 'reading') return;
    const { byteLength } = this.#state.decoder;
    const what = `the connection ended after ${byteLength} bytes of a PROXY header`;
    this.#fail(byteLength === 0 ? undefined : new ProxyProtocolError('ERR_PROXY_TRUNCATED', what));
  }

  #fail(error: Error | undefined): void {
    if (this.#state.kind !== 'reading') return;
    this.#become({ kind: 'failed' });
    if (error === undefined) this.#transport.close();
    else this.#transport.reset();
    this.#events.failed(error);
  }

  #become(state: Exclude<State, { kind: 'reading' }>): void {
    if (this.#state.kind === 'reading') this.#state.deadline.cancel();
    this.#state = state;
  }
}

function missing(bytes: Buffer): ProxyProtocolError {
  const start = excerpt(bytes.toString('latin1', 0, 16));
  return new ProxyProtocolError('ERR_PROXY_MISSING', `expected a PROXY header, got ${start}`);
}
