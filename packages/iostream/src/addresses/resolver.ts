// This room knows host names and numeric addresses: how to resolve, compare and print them. It does not know sockets.

import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { StreamUsageError, streamChecks } from '../errors.ts';
import { type AddressFamily, isValidIp } from './net-address.ts';

/** One numeric address of a host. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: AddressFamily;
  /** Where the resolver moves the caller to another port. */
  readonly port?: number | undefined;
}

export interface ResolveOptions {
  /** The port that the caller wants, for resolvers which map it. */
  readonly port?: number | undefined;
  /** Answers only addresses of this family. */
  readonly family?: AddressFamily | undefined;
  /** Stops the wait; what the system does meanwhile is left to finish unheard. */
  readonly signal?: AbortSignal | undefined;
}

export const RESOLVE_OPTIONS: OptionNames<ResolveOptions> = { port: true, family: true, signal: true };

/** Turns names into addresses: the seam for those who know better than the system. */
export interface Resolver {
  /**
   * @returns at least one address, best first.
   * @throws StreamConnectError `ERR_STREAM_RESOLVE` when there is none; the reason of `signal` when it aborts.
   */
  resolve(host: string, options?: ResolveOptions): Promise<readonly ResolvedAddress[]>;
}

/** Where an {@link OverrideResolver} sends a name: another name or address, and another port if one is given. */
export type Override = string | { readonly host: string; readonly port?: number };

/**
 * Sends chosen names elsewhere, and asks another resolver for what those are and for all else: for tests, and for
 * names that DNS does not know.
 *
 * @example
 * const resolver = new OverrideResolver({ 'api.example.com:443': { host: '127.0.0.1', port: 8443 } }, new SystemResolver());
 */
export class OverrideResolver implements Resolver {
  readonly #overrides: ReadonlyMap<string, Override>;
  readonly #next: Resolver;

  /**
   * @param overrides - by `host:port:family` (such as `a.example:80:4`), by `host:port`, or by `host`; the most
   *   precise key wins.
   */
  constructor(overrides: Readonly<Record<string, Override>> | ReadonlyMap<string, Override>, next: Resolver) {
    this.#overrides = overrides instanceof Map ? overrides : new Map(Object.entries(overrides));
    this.#next = next;
    for (const key of this.#overrides.keys()) {
      if (key === '') throw new StreamUsageError('ERR_STREAM_USAGE', 'OverrideResolver: a key is empty');
    }
  }

  async resolve(host: string, options: ResolveOptions = {}): Promise<readonly ResolvedAddress[]> {
    streamChecks.options('resolve', options, RESOLVE_OPTIONS);
    const override = this.#find(host, options);
    if (override === undefined) return await this.#next.resolve(host, options);
    const { host: target, port } = typeof override === 'string' ? { host: override } : override;
    const addresses = await this.#next.resolve(target, { ...options, port: port ?? options.port });
    if (port === undefined) return addresses;
    return addresses.map((address) => ({ ...address, port: address.port ?? port }));
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ overrides: this.#overrides, next: this.#next }));
  }

  #find(host: string, { port, family }: ResolveOptions): Override | undefined {
    const overrides = this.#overrides;
    return (
      overrides.get(`${host}:${port}:${family}`) ?? overrides.get(`${host}:${port}`) ?? overrides.get(host)
    );
  }
}

/** The answer for a host that is an address already; `undefined` for a name. */
export function numericAddress(host: string): ResolvedAddress | undefined {
  if (!isValidIp(host)) return undefined;
  return { address: host, family: host.includes(':') ? 6 : 4 };
}
