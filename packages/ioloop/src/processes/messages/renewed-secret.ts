import { hkdfSync, randomBytes } from 'node:crypto';
import type { Clock, ClockTimer } from '../../clock.ts';
import { INSPECT, inspection } from '../../inspection.ts';
import { runInRootContext } from '../../node-async-context.ts';

/** A secret in the form in which a parent sends it to its children. */
export interface SecretRecord {
  /** Base64, newest first. */
  readonly generations: readonly string[];
  /** How long the newest generation is still in use. */
  readonly renewsInMs: number;
}

/** As long as the output of the hash function that derives values from it. */
const SECRET_BYTES = 32;
/**
 * Keys of TLS session tickets should be replaced at least daily (RFC 5077 §5.5 leaves the interval to the server; nginx
 * and Cloudflare use 12 hours or less). The generation before stays valid for as long again.
 */
export const RENEWAL_MS = 12 * 60 * 60 * 1000;
/** The current generation and the one before it. */
const GENERATIONS = 2;
/**
 * How long a child waits for a renewal that is due before it renews the secret by itself, as it must if its parent has
 * ended. A parent sends the renewal within milliseconds, unless it is busy or suspended.
 */
const GRACE_MS = 60_000;

/**
 * Random bytes that are replaced every 12 hours. The generation before the current one is kept; older ones are
 * overwritten. The bytes themselves cannot be read: {@link derive} makes keys from them.
 */
export class RenewedSecret {
  readonly #clock: Pick<Clock, 'now' | 'setTimeout'>;
  readonly #renewed: () => void;
  #generations: readonly Buffer[] = [];
  #version = 0;
  #renewsAt = 0;
  #timer: ClockTimer | undefined;

  /**
   * Starts with random bytes. The timer of the renewals does not keep the process alive.
   *
   * @param renewed - called after each renewal. Must not throw.
   */
  constructor(clock: Pick<Clock, 'now' | 'setTimeout'>, renewed: () => void = () => {}) {
    this.#clock = clock;
    this.#renewed = renewed;
    this.#renew();
  }

  /** Changes whenever {@link derive} returns other keys. */
  get version(): number {
    return this.#version;
  }

  /**
   * Derives a key for one purpose from each generation (HKDF with SHA-256, RFC 5869).
   *
   * @param name - the purpose; at most 1,024 bytes. Keys of different names are independent of each other.
   * @param byteLength - 1 to 8,160.
   * @returns one or two keys, newest first, which the caller owns.
   */
  derive(name: string, byteLength: number): Uint8Array[] {
    return this.#generations.map((bytes) => new Uint8Array(hkdfSync('sha256', bytes, '', name, byteLength)));
  }

  toRecord(): SecretRecord {
    return {
      generations: this.#generations.map((bytes) => bytes.toString('base64')),
      renewsInMs: Math.max(0, this.#renewsAt - this.#clock.now()),
    };
  }

  /** Replaces the bytes with those of the parent, and expects it to send the next renewal too. */
  adopt({ generations, renewsInMs }: SecretRecord): void {
    this.#replace(generations.map((text) => Buffer.from(text, 'base64')));
    this.#renewIn(renewsInMs + GRACE_MS);
  }

  /** Ends the renewals. */
  close(): void {
    this.#timer?.cancel();
  }

  [INSPECT](): object {
    return inspection(this, ['version']);
  }

  #renew(): void {
    this.#replace([randomBytes(SECRET_BYTES), ...this.#generations.slice(0, GENERATIONS - 1)]);
    this.#renewIn(RENEWAL_MS);
  }

  #replace(generations: readonly Buffer[]): void {
    for (const bytes of this.#generations) if (!generations.includes(bytes)) bytes.fill(0);
    this.#generations = generations;
    this.#version += 1;
  }

  #renewIn(delayMs: number): void {
    this.#timer?.cancel();
    this.#renewsAt = this.#clock.now() + delayMs;
    // In the root async context: the timer outlives the request in which the secret may have been needed first.
    runInRootContext(() => {
      this.#timer = this.#clock.setTimeout(() => {
        this.#renew();
        this.#renewed();
      }, delayMs);
      this.#timer.unref();
    }, undefined);
  }
}
