import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, it } from 'vitest';
import {
  type BackplaneCapabilities,
  backplaneCompliance,
  type StoreLimitsUnderTest,
} from '../../src/compliance/index.ts';
import { copyOfJournal, removeFolder, scratchFolder } from '../journal/scratch.ts';
import { Family } from './family.ts';

const CHILDREN = 3;
const capabilities: BackplaneCapabilities = {
  nodes: 'several',
  clock: true,
  durable: 'killed',
  // A child has the counts of the parent, of an earlier moment.
  countsStore: false,
};

async function children(limits: StoreLimitsUnderTest) {
  const clock = new VirtualClock(1_700_000_000_000);
  const family = await Family.create({ ...limits, clock });
  await family.fork(CHILDREN);
  return {
    get nodes() {
      return family.nodes;
    },
    advance: (ms: number) => clock.advance(ms),
    kill: async (node: number) => family.kill(node),
    async restart(how: 'close' | 'kill') {
      await family.endAll(how);
      await family.fork(CHILDREN);
    },
    close: () => family.close(),
  };
}

backplaneCompliance('children of one parent', { describe, it }, children, capabilities);

/** The parent ends with its children. */
async function childrenOfJournal(limits: StoreLimitsUnderTest) {
  const clock = new VirtualClock(1_700_000_000_000);
  const folders = [scratchFolder()];
  const start = async (): Promise<Family> => {
    const family = await Family.create({ ...limits, clock, journal: { folder: folders.at(-1) as string } });
    await family.fork(CHILDREN);
    return family;
  };
  let family = await start();
  return {
    get nodes() {
      return family.nodes;
    },
    advance: (ms: number) => clock.advance(ms),
    kill: async (node: number) => family.kill(node),
    async restart(how: 'close' | 'kill') {
      // The process of this test has to go on, so the files are kept as they are at the moment of the kill.
      if (how === 'kill') folders.push(copyOfJournal(folders.at(-1) as string));
      await family.endAll(how);
      await family.close();
      family = await start();
    },
    async close() {
      await family.close();
      for (const folder of folders) removeFolder(folder);
    },
  };
}

backplaneCompliance('children of a parent with a journal', { describe, it }, childrenOfJournal, {
  ...capabilities,
  newEpochAfterKill: true,
});
