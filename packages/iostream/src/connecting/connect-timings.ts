import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { addressText, targetName } from '../addresses/net-address.ts';
import type { ConnectPhase } from '../errors.ts';
import type { SocketAddress } from '../transport.ts';
import type { ConnectTarget } from './connect-target.ts';

/**
 * How long the phases of one `TCPClient.connect` took, and how far it came. Create one for each call; it is complete
 * when the promise of `connect` has settled.
 *
 * The times are on the clock of the loop. A phase that failed has the time until its failure, and the phases after it
 * are `undefined`.
 *
 * @example
 * const timings = new ConnectTimings();
 * try {
 *   await client.connect({ host: 'example.com', port: 443, tls: true, timings });
 * } finally {
 *   console.log(timings.phase, timings.dnsMs, timings.connectMs, timings.tlsMs);
 * }
 */
export class ConnectTimings {
  #phase: ConnectPhase | undefined;
  #startedAt: number | undefined;
  #dnsMs: number | undefined;
  #connectMs: number | undefined;
  #tlsMs: number | undefined;
  #attempts = 0;
  #tried: ConnectTarget | undefined;
  #reached: SocketAddress | undefined;

  /** The last phase that was started: after a failure, the one that failed. `undefined` before the first. */
  get phase(): ConnectPhase | undefined {
    return this.#phase;
  }

  /** Resolving the name. `undefined` if the address was known without a look-up, or for a path. */
  get dnsMs(): number | undefined {
    return this.#dnsMs;
  }

  /** Connecting: from the start of the first attempt until one has succeeded or the last one has failed. */
  get connectMs(): number | undefined {
    return this.#connectMs;
  }

  /** The TLS handshake. */
  get tlsMs(): number | undefined {
    return this.#tlsMs;
  }

  /** How many addresses were tried. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The address that was reached, or else the one tried last: `127.0.0.1:80`, `[::1]:80` or a path. */
  get address(): string | undefined {
    if (this.#reached !== undefined) return addressText(this.#reached);
    return this.#tried === undefined ? undefined : targetName(this.#tried);
  }

  /** For {@link ConnectOperation}: starts a phase and ends the one before it. @param now - in milliseconds. */
  start(phase: ConnectPhase, now: number): void {
    this.finish(now);
    this.#phase = phase;
    this.#startedAt = now;
  }

  /** For {@link ConnectOperation}: ends the phase in progress, if there is one. */
  finish(now: number): void {
    const startedAt = this.#startedAt;
    if (startedAt === undefined) return;
    this.#startedAt = undefined;
    if (this.#phase === 'dns') this.#dnsMs = now - startedAt;
    else if (this.#phase === 'connect') this.#connectMs = now - startedAt;
    else this.#tlsMs = now - startedAt;
  }

  /** For {@link ConnectOperation}: an address is tried now. */
  attempted(target: ConnectTarget): void {
    this.#attempts += 1;
    this.#tried = target;
  }

  /** For {@link ConnectOperation}: this address was reached. */
  reached(address: SocketAddress): void {
    this.#reached = address;
  }

  [INSPECT](): object {
    return inspection(this, ['phase', 'dnsMs', 'connectMs', 'tlsMs', 'attempts', 'address'], () => ({}));
  }
}
