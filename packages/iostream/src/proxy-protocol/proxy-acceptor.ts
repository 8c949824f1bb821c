import type { IOLoop } from '@landspout/ioloop';
import type { SocketAddress, Transport } from '../transport.ts';
import { HeaderReading } from './header-reading.ts';
import type { ProxySettings } from './proxy-options.ts';

/** At most one line in so long, however many connections fail: one for each would be a second flood. */
const LOG_EVERY_MS = 60_000;

/** What becomes of a connection that {@link ProxyAcceptor.accept} has taken: one of them, once. */
export interface ProxyAcceptorEvents {
  /** Its client is known, as far as the proxy tells. Must not throw. */
  complete(transport: Transport): void;
  /** It is closed. Must not throw. */
  gone(): void;
}

/** Reads the PROXY headers of connections that listed proxies have opened, before anything else is done with them. */
export class ProxyAcceptor {
  readonly #settings: ProxySettings;
  readonly #loop: IOLoop;
  readonly #readings = new Set<HeaderReading>();
  #failures = 0;
  #silentUntil = Number.NEGATIVE_INFINITY;

  constructor(settings: ProxySettings, loop: IOLoop) {
    this.#settings = settings;
    this.#loop = loop;
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
        if (error !== undefined) this.#report(error, transport.remoteAddress);
        events.gone();
      },
    });
    this.#readings.add(reading);
  }

  /** Closes every connection whose header is still to come. */
  closeAll(): void {
    for (const reading of this.#readings) reading.abandon();
  }

  #report(error: Error, proxyAddress: SocketAddress): void {
    this.#failures += 1;
    const now = this.#loop.clock.now();
    if (now < this.#silentUntil) return;
    this.#silentUntil = now + LOG_EVERY_MS;
    const failures = this.#failures;
    this.#failures = 0;
    this.#loop.logger.warn(
      { error, proxyAddress, failures },
      'a connection without a usable PROXY header is reset',
    );
  }
}
