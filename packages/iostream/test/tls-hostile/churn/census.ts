import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { IOLoop } from '@landspout/ioloop';
import { type Census, takeCensus } from '../../faults/support/census.ts';

/** What TLS could leave behind, besides what any connection could. */
export interface TlsCensus extends Census {
  /** How many native contexts there are at most; 0 on node:tls. */
  readonly contexts: number;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Counts after a garbage collection, which closes contexts that nothing uses. */
export async function takeTlsCensus(signal: AbortSignal): Promise<TlsCensus> {
  for (let round = 0; round < 3; round += 1) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return { ...takeCensus(signal), contexts: usedContexts() };
}

/** Waits a while until nothing more is there than before. @returns what is there then */
export async function untilTlsCensusIs(before: TlsCensus, signal: AbortSignal): Promise<TlsCensus> {
  let now = await takeTlsCensus(signal);
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if ((Object.keys(before) as (keyof TlsCensus)[]).every((key) => now[key] <= before[key])) break;
    now = await takeTlsCensus(signal);
  }
  return now;
}

/** Bytes of the heap after a garbage collection. */
export function heapBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/** A new context gets the first number that is free, in its lower 16 bits. */
function usedContexts(): number {
  const tls = IOLoop.current().reactor?.tls;
  if (tls === undefined || 'reason' in tls) return 0;
  const numbers: number[] = [];
  for (let at = 0; at < 8; at += 1) numbers.push(tls.binding.tlsContextOpen(false));
  for (const number of numbers) tls.binding.tlsContextClose(number);
  return Math.max(...numbers.map((number) => number & 0xffff)) - numbers.length;
}
