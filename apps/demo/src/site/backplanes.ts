import { taskId } from 'landspout';
import { type Backplane, JournalBackplane, MemoryBackplane } from 'landspout/topics';
import type { DataFolder } from './data-folder.ts';
import { type DemoOptions, hasParent } from './demo-options.ts';

/** Where everything is kept that the processes of the demo share. */
export interface Backplanes {
  /** Rooms and responses: outlives the server. */
  readonly kept: Backplane;
  /** What is of no use after the server: who is there. */
  readonly passing: Backplane;
  close(): Promise<void>;
}

/** Opens the backplanes: in the parent, in each of its children, or in the only process. */
export async function openBackplanes(_options: DemoOptions, folder: DataFolder): Promise<Backplanes> {
  const kept =
    taskId() !== undefined ? new MemoryBackplane() : await JournalBackplane.open({ folder: folder.journal });
  const passing = new MemoryBackplane();
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
