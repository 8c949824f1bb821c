import { type LookupAddress, lookup } from 'node:dns';
import { shownText } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { onAbort, withCallerStack } from '@landspout/ioloop/reactor';
import { StreamConnectError, streamChecks } from '../errors.ts';
import {
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

let running = 0;
const waiting: (() => void)[] = [];

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
    if (host === '' || host.length > MAX_NAME_LENGTH || host.includes('\0'))
      throw noAddress(host, 'not a host name');
    let addresses: LookupAddress[];
    try {
      addresses = await boundedLookup(host, family ?? 0, signal);
    } catch (error) {
      throw withCallerStack(error);
    }
    if (addresses.length === 0) throw noAddress(host, 'no address');
    return addresses.map((found) => ({ address: found.address, family: found.family === 6 ? 6 : 4 }));
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ running, waiting: waiting.length }));
  }
}

/** RFC 1035 §2.3.4, plus one for the trailing dot of the root. */
const MAX_NAME_LENGTH = 254;

function boundedLookup(
  host: string,
  family: 0 | 4 | 6,
  signal: AbortSignal | undefined,
): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    const start = (): void => {
      running += 1;
      lookup(host, { all: true, verbatim: true, family }, (error, addresses) => {
        running -= 1;
        waiting.shift()?.();
        stopListening();
        if (error === null) resolve(addresses);
        else reject(noAddress(host, error.code ?? error.message, error));
      });
    };
    const stopListening = onAbort(signal, (reason) => {
      const place = waiting.indexOf(start);
      if (place !== -1) waiting.splice(place, 1);
      reject(reason);
    });
    if (running < MAX_LOOKUPS) start();
    else waiting.push(start);
  });
}

function noAddress(host: string, why: string, cause?: Error): StreamConnectError {
  return new StreamConnectError('ERR_STREAM_RESOLVE', `resolve ${shownText(host, 100)}: ${why}`, { cause });
}
