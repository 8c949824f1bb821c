import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, it } from 'vitest';
import { backplaneCompliance } from '../src/compliance/index.ts';
import { MemoryBackplane } from '../src/memory/memory-backplane.ts';

/** The cases that call this are not registered: the memory is gone with its only process. */
const gone = async (): Promise<never> => {
  throw new Error('the memory is gone with its process');
};

backplaneCompliance('MemoryBackplane', { describe, it }, async (limits) => {
  const clock = new VirtualClock(1_700_000_000_000);
  const node = new MemoryBackplane({ ...limits, clock });
  return {
    nodes: [node],
    advance: (ms) => clock.advance(ms),
    kill: gone,
    restart: gone,
    close: () => node.close(),
  };
});
