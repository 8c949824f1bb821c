import { type Clock, systemClock } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { withCallerStack } from '@landspout/ioloop/reactor';
import { streamChecks } from '../errors.ts';
import {
  isHostName,
  noAddress,
  RESOLVE_OPTIONS,
  type ResolvedAddress,
  type ResolveOptions,
  type Resolver,
} from './resolver.ts';
import { copyOf, SharedLookup } from './shared-lookup.ts';

export interface CachingResolverOptions {
  /** Maximum number of results kept; the one that was not used for the longest time makes room. Default: 1,000. */
  readonly maxEntries?: number;
  /** How long a result is kept if the wrapped resolver does not know its TTL; 0 keeps none. Default: 30 s. */
  readonly defaultTtlMs?: number;
  /** How long a result is kept at most, whatever its TTL. Default: 5 min. */
  readonly maxTtlMs?: number;
  /** How long a failure is kept: at most 1,000 ms, and 0 for not at all. Default: 1 s. */
  readonly failureTtlMs?: number;
  /** Default: the system clock. */
  readonly clock?: Clock;
}

const CACHING_OPTIONS: OptionNames<CachingResolverOptions> = {
  maxEntries: true,
  defaultTtlMs: true,
  maxTtlMs: true,
  failureTtlMs: true,
  clock: true,
};

/** What a {@link CachingResolver} holds, and what it has done since it was created. */
export interface CachingResolverStats {
  /** Results and failures that are kept now. Some may have expired. */
  readonly entries: number;
  /** Look-ups in progress. */
  readonly pending: number;
  /** Calls that a kept result or failure has answered. */
  readonly hits: number;
  /** Calls that waited for the look-up of another call. */
  readonly shared: number;
  /** Calls of the wrapped resolver. */
  readonly lookups: number;
  /** Look-ups that have failed. */
  readonly failures: number;
}

/** A failure is never kept for longer than this. */
const MAX_FAILURE_TTL_MS = 1_000;

type Result = { readonly addresses: readonly ResolvedAddress[] } | { readonly error: unknown };

interface Entry {
  readonly expiresAt: number;
  readonly result: Result;
}

/**
 * Keeps the results of another resolver for as long as their TTL allows, and looks up a name only once if several
 * callers ask for it at the same time. An abort of one of these callers does not affect the others; the look-up is
 * aborted when no caller is left.
 *
 * Results are kept for each host, port and family, since the wrapped resolver may map ports. Put an `OverrideResolver`
 * in front of this class rather than inside it, so that equal names share one entry. What the wrapped resolver knows
 * without a look-up, and names too long for a host, are never kept.
 *
 * @example
 * const resolver = new CachingResolver(new SystemResolver(), { defaultTtlMs: 10_000 });
 */
export class CachingResolver implements Resolver {
  readonly #next: Resolver;
  readonly #maxEntries: number;
  readonly #defaultTtlMs: number;
  readonly #maxTtlMs: number;
  readonly #failureTtlMs: number;
  readonly #clock: Clock;
  /** The least recently used entry is first. */
  readonly #entries = new Map<string, Entry>();
  readonly #lookups = new Map<string, SharedLookup>();
  #hitCount = 0;
  #sharedCount = 0;
  #lookupCount = 0;
  #failureCount = 0;

  /** @throws StreamUsageError `ERR_STREAM_USAGE` if an argument is invalid. */
  constructor(next: Resolver, options: CachingResolverOptions = {}) {
    const operation = 'CachingResolver';
    streamChecks.options(operation, options, CACHING_OPTIONS);
    this.#next = streamChecks.withMethods(operation, 'a resolver', next, 'resolve');
    const { maxEntries = 1_000, defaultTtlMs = 30_000, maxTtlMs = 300_000 } = options;
    const { failureTtlMs = MAX_FAILURE_TTL_MS, clock = systemClock } = options;
    this.#maxEntries = streamChecks.wholeNumber(operation, 'maxEntries', maxEntries, 1);
    this.#defaultTtlMs = streamChecks.durationMs(operation, 'defaultTtlMs', defaultTtlMs);
    this.#maxTtlMs = streamChecks.durationMs(operation, 'maxTtlMs', maxTtlMs);
    this.#failureTtlMs = streamChecks.number(operation, 'failureTtlMs', failureTtlMs, 0, MAX_FAILURE_TTL_MS);
    this.#clock = streamChecks.withMethods(operation, 'a clock', clock, 'now');
  }

  async resolve(host: string, options: ResolveOptions = {}): Promise<readonly ResolvedAddress[]> {
    streamChecks.options('resolve', options, RESOLVE_OPTIONS);
    const { signal } = options;
    signal?.throwIfAborted();
    // A name from a peer may be very long; such names are refused below, and must not fill the cache.
    if (!isHostName(host)) return await this.#next.resolve(host, options);
    const known = this.#next.resolveNow?.(host, options);
    if (known !== undefined) return known;
    const key = keyOf(host, options);
    const kept = this.#find(key);
    if (kept !== undefined) {
      this.#hitCount += 1;
      if ('addresses' in kept) return kept.addresses;
      throw copyOf(kept.error);
    }
    const lookup = this.#lookups.get(key);
    if (lookup !== undefined) this.#sharedCount += 1;
    try {
      return await (lookup?.join(signal) ?? this.#start(key, host, options));
    } catch (error) {
      throw withCallerStack(error);
    }
  }

  resolveNow(host: string, options: ResolveOptions = {}): readonly ResolvedAddress[] | undefined {
    const known = this.#next.resolveNow?.(host, options);
    if (known !== undefined) return known;
    const kept = this.#find(keyOf(host, options));
    // `resolve` throws the failure that is kept.
    if (kept === undefined || !('addresses' in kept)) return undefined;
    this.#hitCount += 1;
    return kept.addresses;
  }

  /** Drops everything that is kept. Look-ups in progress serve their callers, but their results are not kept. */
  clear(): void {
    this.#entries.clear();
    this.#lookups.clear();
  }

  stats(): CachingResolverStats {
    return {
      entries: this.#entries.size,
      pending: this.#lookups.size,
      hits: this.#hitCount,
      shared: this.#sharedCount,
      lookups: this.#lookupCount,
      failures: this.#failureCount,
    };
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ ...this.stats(), next: this.#next }));
  }

  #find(key: string): Result | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.expiresAt <= this.#clock.now()) return undefined;
    this.#entries.set(key, entry); // now the most recently used one
    return entry.result;
  }

  #start(
    key: string,
    host: string,
    { port, family, signal }: ResolveOptions,
  ): Promise<readonly ResolvedAddress[]> {
    this.#lookupCount += 1;
    const lookup = new SharedLookup(() => void this.#takeOut(key, lookup));
    this.#lookups.set(key, lookup);
    // The first caller joins before the look-up starts, because that may fail at once.
    const result = lookup.join(signal);
    void this.#lookUp(key, lookup, host, { port, family, signal: lookup.signal });
    return result;
  }

  async #lookUp(key: string, lookup: SharedLookup, host: string, options: ResolveOptions): Promise<void> {
    try {
      const found = await this.#next.resolve(host, options);
      if (found.length === 0) throw noAddress(host, 'no address');
      const addresses = Object.freeze(found.map(withoutTtl));
      if (this.#takeOut(key, lookup)) this.#store(key, this.#ttlOf(found), { addresses });
      lookup.succeed(addresses);
    } catch (error) {
      if (!lookup.signal.aborted) this.#failureCount += 1;
      if (this.#takeOut(key, lookup)) this.#store(key, this.#failureTtlMs, { error });
      lookup.fail(error);
    }
  }

  /** @returns false if the callers have left the look-up, or `clear` was called since it was started. */
  #takeOut(key: string, lookup: SharedLookup): boolean {
    return this.#lookups.get(key) === lookup && this.#lookups.delete(key);
  }

  #ttlOf(found: readonly ResolvedAddress[]): number {
    let least = this.#maxTtlMs;
    for (const { ttlMs = this.#defaultTtlMs } of found) least = Math.min(least, ttlMs);
    return least;
  }

  #store(key: string, ttlMs: number, result: Result): void {
    // A TTL of 0 is for the callers of this look-up only (RFC 1035 §3.2.1). A custom resolver may return NaN.
    if (!(ttlMs > 0)) return;
    if (this.#entries.size >= this.#maxEntries) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    this.#entries.set(key, { expiresAt: this.#clock.now() + ttlMs, result });
  }
}

/** A host name has no spaces. */
function keyOf(host: string, { port, family }: ResolveOptions): string {
  return `${host} ${port} ${family}`;
}

/** A kept address gets older, so its TTL would no longer be right. Frozen, because several callers share it. */
function withoutTtl({ address, family, port }: ResolvedAddress): ResolvedAddress {
  return Object.freeze(port === undefined ? { address, family } : { address, family, port });
}
