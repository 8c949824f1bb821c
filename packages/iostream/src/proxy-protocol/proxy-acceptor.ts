import type { IOLoop, RateLimitedLog } from '@landspout/ioloop';
import type { SocketAddress, Transport } from '../transport.ts';
import { HeaderReading } from './header-reading.ts';
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
