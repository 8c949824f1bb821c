import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, it } from 'vitest';
import { backplaneCompliance } from '../../src/compliance/index.ts';
import { JournalBackplane, type JournalBackplaneOptions } from '../../src/index.ts';
import { copyOfJournal, recordingLogger, removeFolder, scratchFolder } from './scratch.ts';

const VARIANTS: readonly Partial<JournalBackplaneOptions>[] = [
  { durability: 'process' },
  { durability: 'each' },
  // Files are full after a few records, and compaction runs all the time.
  { durability: 'process', segmentBytes: 4096 },
];

for (const options of VARIANTS) {
  backplaneCompliance(
    `JournalBackplane ${JSON.stringify(options)}`,
    { describe, it },
    async (limits) => {
      const clock = new VirtualClock(1_700_000_000_000);
      const folders = [scratchFolder()];
      const logger = recordingLogger();
      const open = () =>
        JournalBackplane.open({ ...limits, ...options, folder: folders.at(-1) as string, clock, logger });
      const nodes = [await open()];
      return {
        nodes,
        advance: (ms) => clock.advance(ms),
        kill: async () => {},
        async restart(how) {
          const [node] = nodes as [JournalBackplane];
          // The process of this test has to go on, so the files are kept as they are at the moment of the kill.
          if (how === 'kill') folders.push(copyOfJournal(folders.at(-1) as string));
          await node.close();
          nodes[0] = await open();
        },
        async close() {
          for (const node of nodes) await node.close();
          for (const folder of folders) removeFolder(folder);
        },
      };
    },
    { durable: 'killed', newEpochAfterKill: true },
  );
}
