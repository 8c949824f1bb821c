import { type LookupAddress, lookup } from 'node:dns';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { withCallerStack } from '@landspout/ioloop/reactor';
import { streamChecks } from '../errors.ts';
import { LookupQueue } from './lookup-queue.ts';
import {
  isHostName,
  noAddress,
  numericAddress,
  RESOLVE_OPTIONS,
  type ResolvedAddress,
  type ResolveOptions,
  type Resolver,
} from './resolver.ts';

/**
 * `getaddrinfo` runs in a pool of four threads that file access, compression and hashing use too. So at most this many
 * look-ups run at once, and the others wait here, where an abort can still remove them.
 */
const MAX_LOOKUPS = 4;

const queue = new LookupQueue(MAX_LOOKUPS);

/**
 * Resolves with the system's resolver, as other programs on the machine do: hosts file, then DNS. A numeric address is
 * returned without a look-up.
 */
export class SystemResolver implements Resolver {
  async resolve(host: string, options: ResolveOptions = {}): Promise<readonly ResolvedAddress[]> {
    streamChecks.options('resolve', options, RESOLVE_OPTIONS);
    const { family, signal } = options;
    signal?.throwIfAborted();
    const numeric = numericAddress(host);
    if (numeric !== undefined) {
      if (family !== undefined && numeric.family !== family) throw noAddress(host, `no IPv${family} address`);
      return [numeric];
    }
    if (!isHostName(host)) throw noAddress(host, 'not a host name');
    let addresses: LookupAddress[];
    try {
      addresses = await queue.add(() => lookUp(host, family ?? 0), signal);
    } catch (error) {
      throw withCallerStack(error);
    }
    if (addresses.length === 0) throw noAddress(host, 'no address');
    return addresses.map((found) => ({ address: found.address, family: found.family === 6 ? 6 : 4 }));
  }

  resolveNow(host: string, { family }: ResolveOptions = {}): readonly ResolvedAddress[] | undefined {
    const numeric = numericAddress(host);
    // `resolve` refuses an address of the other family.
    if (numeric === undefined || (family !== undefined && numeric.family !== family)) return undefined;
    return [numeric];
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ running: queue.running, waiting: queue.waiting }));
  }
}

function lookUp(host: string, family: 0 | 4 | 6): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    lookup(host, { all: true, verbatim: true, family }, (error, addresses) => {
      if (error === null) resolve(addresses);
      else reject(noAddress(host, error.code ?? error.message, error));
    });
  });
}
