import type { Clock } from '@landspout/ioloop';
import { ConnectTimings } from '@landspout/iostream';
import type { FetchPhase } from '../errors.ts';

/** The state of one connection that is being opened, and how long its phases took. */
export class ConnectAttempt {
  readonly #controller = new AbortController();
  readonly #clock: Clock;
  /** Of the connection to the server, or to the proxy if there is one. */
  readonly timings = new ConnectTimings();
  /** A phase after those of {@link timings}, with a proxy only. */
  #later: 'proxy' | 'tls' | undefined = undefined;
  #enteredAt = 0;
  #proxyMs = 0;
  #tunnelTlsMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Aborts when the attempt is to be given up. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get phase(): FetchPhase {
    return this.#later ?? this.timings.phase ?? 'connect';
  }

  get dnsMs(): number {
    return this.timings.dnsMs ?? 0;
  }

  /** Connecting to the server, or to the proxy and through it. */
  get connectMs(): number {
    return (this.timings.connectMs ?? 0) + this.#proxyMs;
  }

  get tlsMs(): number {
    return (this.timings.tlsMs ?? 0) + this.#tunnelTlsMs;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** Called when a phase begins that follows the connection to a proxy; undefined when the last one has ended. */
  enter(phase: 'proxy' | 'tls' | undefined): void {
    const now = this.#clock.now();
    if (this.#later === 'proxy') this.#proxyMs += now - this.#enteredAt;
    else if (this.#later === 'tls') this.#tunnelTlsMs += now - this.#enteredAt;
    this.#enteredAt = now;
    this.#later = phase;
  }
}
