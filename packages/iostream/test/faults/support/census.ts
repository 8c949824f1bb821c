import { getEventListeners } from 'node:events';
import { IOLoop } from '@landspout/ioloop';
import { openDescriptors, until } from '../../support/until.ts';

/** What could leak. On the portable backend the reactor's counts are 0, before and after. */
export interface Census {
  /** Open descriptors of the process. */
  readonly descriptors: number;
  /** Descriptors that the native side owns. */
  readonly nativeSlots: number;
  /** Those of them that are watched. */
  readonly watched: number;
  /** Listeners for anything of the process as a whole. */
  readonly processListeners: number;
  /** Listeners for the abort of the signal that every wait was given. */
  readonly abortListeners: number;
}

export function takeCensus(signal: AbortSignal): Census {
  const { reactor } = IOLoop.current();
  let processListeners = 0;
  for (const name of process.eventNames()) processListeners += process.listenerCount(name);
  return {
    descriptors: openDescriptors(),
    nativeSlots: reactor?.binding.liveSlots() ?? 0,
    watched: reactor?.stats().descriptors ?? 0,
    processListeners,
    abortListeners: getEventListeners(signal, 'abort').length,
  };
}

/** Waits until nothing more is open than there was. Who compares afterwards sees what is still different. */
export async function untilCensusIs(
  before: Census,
  signal: AbortSignal,
  patienceMs: number,
): Promise<Census> {
  const end = performance.now() + patienceMs;
  const isBack = (): boolean => {
    const now = takeCensus(signal);
    return (Object.keys(before) as (keyof Census)[]).every((key) => now[key] <= before[key]);
  };
  await until(() => isBack() || performance.now() > end);
  return takeCensus(signal);
}
