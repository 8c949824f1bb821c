import { RedisBackplane } from '@landspout/topics-redis';
import { type Backplane, ProcessesBackplane } from 'landspout/topics';
import type { DataFolder } from './data-folder.ts';
import { type DemoOptions, hasParent } from './demo-options.ts';

/** Of the names of all keys in Redis. */
const REDIS_PREFIX = 'landspout-demo';

/** Where everything is kept that the processes of the demo share. */
export interface Backplanes {
  /** Rooms and responses: outlives the server. */
  readonly kept: Backplane;
  /** What is of no use after the server: presence. */
  readonly passing: Backplane;
  close(): Promise<void>;
}

/** Opens the backplanes: in the parent, in each of its children, or in the only process. */
export async function openBackplanes({ redis }: DemoOptions, { journal }: DataFolder): Promise<Backplanes> {
  if (redis !== undefined) {
    const backplane = await RedisBackplane.connect({ url: redis.href, prefix: REDIS_PREFIX });
    return { kept: backplane, passing: backplane, close: () => backplane.close() };
  }
  // Children have no journal of their own: they use that of their parent.
  const kept = await ProcessesBackplane.open({ name: 'kept', journal: { folder: journal } });
  const passing = await ProcessesBackplane.open({ name: 'passing' });
  const close = async () => {
    await Promise.all([kept.close(), passing.close()]);
  };
  return { kept, passing, close };
}

/** Describes the backplanes for a person. */
export function describeBackplane(options: DemoOptions): string {
  if (options.redis !== undefined) return 'Redis';
  return hasParent(options) ? 'processes, with a journal' : 'journal';
}
