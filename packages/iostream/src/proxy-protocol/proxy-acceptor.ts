// This room knows PROXY protocol headers, versions 1 and 2, and how to read one before a connection is used. It does not
// know streams or servers.

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

/** What becomes of a connection that {@link ProxyAcceptor.accept} has taken: one of them, once. */
export interface ProxyAcceptorEvents {
  /** Its client is known, as far as the proxy tells. Must not throw. */
  complete(transport: Transport): void;
  /** It is closed. @param error - `undefined` when it ended without a word, or with the server. Must not throw. */
  gone(error: Error | undefined): void;
}

/** Reads the PROXY headers of connections that listed proxies have opened, before anything else is done with them. */
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
   * Whether a connection is a proxy's.
   *
   * @param isUnix - whether it came over a Unix socket. Its address does not tell: that of a peer which is gone already
   *   is none, and looks the same.
   */
  isProxy(remoteAddress: SocketAddress, isUnix: boolean): boolean {
    return (remoteAddress.family === 'unix') === isUnix && this.#settings.from.has(remoteAddress);
  }

  /** Takes over a connection of a proxy, which keeps the process alive until its header is there. */
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
          this.#log.warn('proxy-header', details, 'a connection without a usable PROXY header is reset');
        }
        events.gone(error);
      },
    });
    this.#readings.add(reading);
  }

  /** Closes every connection whose header is still to come. */
  closeAll(): void {
    for (const reading of this.#readings) reading.abandon();
  }
}

/** How the beginning of one connection came out. */
interface HeaderReadingEvents {
  /** The header is read, or none had to be there. Called once, and nothing else after it. */
  complete(transport: ProxiedTransport): void;
  /** The connection is closed. @param error - `undefined` when it ended without a word, or was abandoned. Called once. */
  failed(error: Error | undefined): void;
}

/** Where one connection stands. After the header nothing of it is kept. */
type State =
  | { readonly kind: 'reading'; readonly decoder: ProxyHeaderDecoder; readonly deadline: { cancel(): void } }
  | { readonly kind: 'passing-on'; readonly to: ProxiedTransport }
  | { readonly kind: 'failed' };

/** Reads the PROXY header of one connection, and passes on its events to who has it afterwards. */
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
    // Nothing prolongs it: a header in drops has no more time than one in a piece.
    const deadline = loop.clock.setTimeout(() => {
      this.#fail(new StreamTimeoutError(`no PROXY header came within ${timeoutMs} ms`));
    }, timeoutMs);
    this.#state = { kind: 'reading', decoder: new ProxyHeaderDecoder(maxHeaderBytes), deadline };
    transport.attach(this);
    transport.resume();
  }

  /** Closes the connection, if its header is still to come. */
  abandon(): void {
    this.#fail(undefined);
  }

  received(bytes: Buffer, start: number, end: number): void {
    const state = this.#state;
    if (state.kind === 'passing-on') state.to.received(bytes, start, end);
    else if (state.kind === 'reading') this.#decode(state.decoder, bytes.subarray(start, end));
  }

  ended(): void {
    if (this.#state.kind === 'passing-on') this.#state.to.ended();
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

  /** Load balancers look in by connecting and hanging up; only half a header is worth a word. */
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
  return new ProxyProtocolError('ERR_PROXY_MISSING', `a PROXY header was expected, not ${start}`);
}
