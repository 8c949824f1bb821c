import type { RecordWithTtl } from 'node:dns';
import { Resolver as NodeResolver } from 'node:dns/promises';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { withCallerStack } from '@landspout/ioloop/reactor';
import { streamChecks } from '../errors.ts';
import { LookupQueue } from './lookup-queue.ts';
import type { AddressFamily } from './net-address.ts';
import {
  isHostName,
  noAddress,
  numericAddress,
  RESOLVE_OPTIONS,
  type ResolvedAddress,
  type ResolveOptions,
  type Resolver,
} from './resolver.ts';

export interface CaresResolverOptions {
  /** Addresses of DNS servers, such as `192.0.2.53` or `[2001:db8::53]:5353`. Default: those of the system. */
  readonly servers?: readonly string[];
  /** How long to wait for the first reply of a server; c-ares waits longer in later rounds. Default: 2 s. */
  readonly timeoutMs?: number;
  /** How often each server is asked. 1 to 10. Default: 3. */
  readonly tries?: number;
  /** Maximum number of names looked up at the same time; further ones wait. Default: 100. */
  readonly maxLookups?: number;
}

const CARES_OPTIONS: OptionNames<CaresResolverOptions> = {
  servers: true,
  timeoutMs: true,
  tries: true,
  maxLookups: true,
};

/** Maximum number of addresses used of one family. With 250 ms for each, the rest would be tried after 16 s. */
const MAX_ADDRESSES = 64;
/** If only one family could be looked up, the other one must soon be tried again, since it counts as a failure. */
const INCOMPLETE_TTL_MS = 1_000;
/** The name exists without such an address, or does not exist: these are results, and have a TTL of their own. */
const NO_SUCH_RECORD: ReadonlySet<unknown> = new Set(['ENODATA', 'ENOTFOUND']);

/**
 * Resolves by asking DNS servers with c-ares, which Node includes: no thread is blocked, hundreds of names can be
 * looked up at once, and each address has its TTL (`ttlMs`), which `CachingResolver` honours.
 *
 * IPv6 addresses are returned first (RFC 8305 §4). The hosts file and the search domains of the system are not used;
 * `localhost` and the names below it are loopback addresses (RFC 6761 §6.3). Use a `SystemResolver` for names that are
 * defined in other ways. A numeric address is returned without a look-up.
 *
 * @example
 * const client = new TCPClient({ resolver: new CachingResolver(new CaresResolver()) });
 */
export class CaresResolver implements Resolver {
  readonly #node: NodeResolver;
  readonly #queue: LookupQueue;

  /** @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid. */
  constructor(options: CaresResolverOptions = {}) {
    streamChecks.options('CaresResolver', options, CARES_OPTIONS);
    const { servers, timeoutMs = 2_000, tries = 3, maxLookups = 100 } = options;
    streamChecks.wholeNumber('CaresResolver', 'timeoutMs', timeoutMs, 1, 60_000);
    streamChecks.wholeNumber('CaresResolver', 'tries', tries, 1, 10);
    streamChecks.wholeNumber('CaresResolver', 'maxLookups', maxLookups, 1);
    this.#queue = new LookupQueue(maxLookups);
    this.#node = new NodeResolver({ timeout: timeoutMs, tries });
    if (servers !== undefined) this.#useServers(servers);
  }

  async resolve(host: string, options: ResolveOptions = {}): Promise<readonly ResolvedAddress[]> {
    streamChecks.options('resolve', options, RESOLVE_OPTIONS);
    const { family, signal } = options;
    signal?.throwIfAborted();
    const known = knownAddresses(host);
    if (known !== undefined) {
      const wanted = ofFamily(known, family);
      if (wanted.length === 0) throw noAddress(host, `no IPv${family} address`);
      return wanted;
    }
    if (!isHostName(host)) throw noAddress(host, 'not a host name');
    try {
      return await this.#queue.add(() => this.#lookUp(host, family), signal);
    } catch (error) {
      throw withCallerStack(error);
    }
  }

  resolveNow(host: string, { family }: ResolveOptions = {}): readonly ResolvedAddress[] | undefined {
    const wanted = ofFamily(knownAddresses(host) ?? [], family);
    return wanted.length === 0 ? undefined : wanted;
  }

  [INSPECT](): object {
    const { running, waiting } = this.#queue;
    return inspection(this, [], () => ({ servers: this.#node.getServers(), running, waiting }));
  }

  #useServers(servers: readonly string[]): void {
    try {
      // Node would accept an empty list, and then ask no server at all.
      if (!Array.isArray(servers) || servers.length === 0) throw new TypeError('no servers');
      this.#node.setServers(servers);
    } catch {
      throw streamChecks.wrong('CaresResolver', 'servers: a non-empty array of IP addresses', servers);
    }
  }

  async #lookUp(host: string, family: AddressFamily | undefined): Promise<readonly ResolvedAddress[]> {
    const nothing = Promise.resolve<RecordWithTtl[]>([]);
    const results = await Promise.allSettled([
      family === 4 ? nothing : this.#node.resolve6(host, { ttl: true }),
      family === 6 ? nothing : this.#node.resolve4(host, { ttl: true }),
    ]);
    const addresses: ResolvedAddress[] = [];
    const failures: NodeJS.ErrnoException[] = [];
    results.forEach((result, at) => {
      if (result.status === 'rejected') failures.push(result.reason as NodeJS.ErrnoException);
      else
        addresses.push(
          ...result.value.slice(0, MAX_ADDRESSES).map((record) => toAddress(record, at === 0 ? 6 : 4)),
        );
    });
    const failure = failures.find(({ code }) => !NO_SUCH_RECORD.has(code)) ?? failures[0];
    if (addresses.length === 0) throw noAddress(host, failure?.code ?? 'no address', failure);
    if (failure === undefined || NO_SUCH_RECORD.has(failure.code)) return addresses;
    return addresses.map((one) => ({ ...one, ttlMs: Math.min(one.ttlMs ?? 0, INCOMPLETE_TTL_MS) }));
  }
}

const LOOPBACK: readonly ResolvedAddress[] = [
  { address: '::1', family: 6 },
  { address: '127.0.0.1', family: 4 },
];

/** Returns the addresses of a host that need no look-up. */
function knownAddresses(host: string): readonly ResolvedAddress[] | undefined {
  const numeric = numericAddress(host);
  if (numeric !== undefined) return [numeric];
  return /(?:^|\.)localhost\.?$/i.test(host) && isHostName(host) ? LOOPBACK : undefined;
}

function ofFamily(
  addresses: readonly ResolvedAddress[],
  family: AddressFamily | undefined,
): readonly ResolvedAddress[] {
  return family === undefined ? addresses : addresses.filter((one) => one.family === family);
}

function toAddress({ address, ttl }: RecordWithTtl, family: AddressFamily): ResolvedAddress {
  return { address, family, ttlMs: ttl * 1_000 };
}
