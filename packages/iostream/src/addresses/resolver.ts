// The addresses/ folder resolves, compares and prints host names and numeric addresses. It opens no sockets.

import { type OptionNames, shownText } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { StreamConnectError, StreamUsageError, streamChecks } from '../errors.ts';
import { type AddressFamily, isValidIp } from './net-address.ts';

/** One numeric address of a host. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: AddressFamily;
  /** Set if the resolver redirects the caller to another port. */
  readonly port?: number | undefined;
  /** How long the address may be used, if the resolver knows. The TTL of DNS is 0 or more, in milliseconds. */
  readonly ttlMs?: number | undefined;
}

export interface ResolveOptions {
  /** The port that the caller will connect to, for resolvers that map ports. */
  readonly port?: number | undefined;
  /** Returns only addresses of this family. Default: both. */
  readonly family?: AddressFamily | undefined;
  /** Stops waiting. A system look-up that is already running continues, and its result is ignored. */
  readonly signal?: AbortSignal | undefined;
}

export const RESOLVE_OPTIONS: OptionNames<ResolveOptions> = { port: true, family: true, signal: true };

/** Resolves host names. Implement this interface to replace the system's resolver. */
export interface Resolver {
  /**
   * Resolves `host`.
   *
   * @returns at least one address, the preferred one first.
   * @throws StreamConnectError `ERR_STREAM_RESOLVE` if there is none; the reason of `signal` if it aborts.
   */
  resolve(host: string, options?: ResolveOptions): Promise<readonly ResolvedAddress[]>;

  /**
   * Returns the addresses of `host` if they are known without a look-up, as those of a numeric address are, and
   * otherwise `undefined`: the caller then calls {@link resolve}. A resolver may omit this method. It saves a client a
   * promise and a signal for each connection. Must not throw.
   */
  resolveNow?(host: string, options?: ResolveOptions): readonly ResolvedAddress[] | undefined;
}

/** The target of an {@link OverrideResolver} entry: another name or address, and optionally another port. */
export type Override = string | { readonly host: string; readonly port?: number };

/**
 * Redirects chosen names, and passes the new names and all others to another resolver: for tests, and for names that
 * are not in DNS.
 *
 * @example
 * const resolver = new OverrideResolver(
 *   { 'api.example.com:443': { host: '127.0.0.1', port: 8443 } },
 *   new SystemResolver(),
 * );
 */
export class OverrideResolver implements Resolver {
  readonly #overrides: ReadonlyMap<string, Override>;
  readonly #next: Resolver;

  /**
   * @param overrides - keys are `host:port:family` (such as `a.example:80:4`), `host:port` or `host`; if several keys
   *   match, the most specific one is used.
   * @param next - resolves the targets, and the names without an override.
   */
  constructor(overrides: Readonly<Record<string, Override>> | ReadonlyMap<string, Override>, next: Resolver) {
    this.#overrides = overrides instanceof Map ? overrides : new Map(Object.entries(overrides));
    this.#next = next;
    for (const key of this.#overrides.keys()) {
      if (key === '')
        throw new StreamUsageError('ERR_STREAM_USAGE', 'OverrideResolver: a key must not be empty');
    }
  }

  async resolve(host: string, options: ResolveOptions = {}): Promise<readonly ResolvedAddress[]> {
    streamChecks.options('resolve', options, RESOLVE_OPTIONS);
    const override = this.#find(host, options);
    if (override === undefined) return await this.#next.resolve(host, options);
    const { host: target, port } = targetOf(override);
    const addresses = await this.#next.resolve(target, { ...options, port: port ?? options.port });
    return withPort(addresses, port);
  }

  resolveNow(host: string, options: ResolveOptions = {}): readonly ResolvedAddress[] | undefined {
    const override = this.#find(host, options);
    if (override === undefined) return this.#next.resolveNow?.(host, options);
    const { host: target, port } = targetOf(override);
    const addresses = this.#next.resolveNow?.(target, { ...options, port: port ?? options.port });
    return addresses === undefined ? undefined : withPort(addresses, port);
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

function targetOf(override: Override): {
  readonly host: string;
  readonly port?: number;
} {
  return typeof override === 'string' ? { host: override } : override;
}

/** Adds the port of an override, unless the next resolver has redirected to another one. */
function withPort(
  addresses: readonly ResolvedAddress[],
  port: number | undefined,
): readonly ResolvedAddress[] {
  if (port === undefined) return addresses;
  return addresses.map((address) => ({ ...address, port: address.port ?? port }));
}

/** RFC 1035 §2.3.4, plus one for the trailing dot of the root. */
const MAX_NAME_LENGTH = 254;

/** Whether a look-up of `host` can succeed. Any resolver refuses other names, without a look-up. */
export function isHostName(host: string): boolean {
  return host !== '' && host.length <= MAX_NAME_LENGTH && !host.includes('\0');
}

/** The error for a name without addresses. */
export function noAddress(host: string, why: string, cause?: Error): StreamConnectError {
  return new StreamConnectError('ERR_STREAM_RESOLVE', `resolve ${shownText(host, 100)}: ${why}`, { cause });
}

/** Returns the result for a host that is already a numeric address; `undefined` for a name. */
export function numericAddress(host: string): ResolvedAddress | undefined {
  if (!isValidIp(host)) return undefined;
  return { address: host, family: host.includes(':') ? 6 : 4 };
}
