import { readdirSync, readlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { append, appendAll, JournalTrial, kept, numbers, SETTINGS } from './journal-trial.ts';

const SHORT = { ...SETTINGS, maxRecords: 2 };

/** Descriptors of this process that are open files of a folder. */
function openFiles(folder: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${descriptor}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      return []; // the descriptor with which the folder was listed
    }
  });
}

/** Files of the journal; sockets are of its lock. */
const filesIn = (folder: string) => readdirSync(folder).filter((name) => !name.endsWith('.sock'));

describe('closing a journal', () => {
  it.each(['process', 'each'] as const)(
    'ends a compaction that is about to begin (%s)',
    async (durability) => {
      // One of these is closed in the turn in which a compaction begins.
      for (const count of numbers(40)) {
        const trial = new JournalTrial({ segmentBytes: 4096, durability });
        const backplane = await trial.open();
        await appendAll(
          backplane,
          'news',
          numbers(count).map((n) => `${n} ${'x'.repeat(200)}`),
          SHORT,
        );
        const last = await append(backplane, 'news', 'last', SHORT);
        await backplane.close();
        const files = filesIn(trial.folder);
        if (process.platform === 'linux') expect(openFiles(trial.folder), `after ${count}`).toEqual([]);
        const again = await trial.open();
        expect(filesIn(trial.folder)).toEqual(files);
        expect(kept(again, 'news').cursors.at(-1)).toBe(last);
        // The end of the journal was written: it goes on in the same epoch.
        const next = await append(again, 'news', 'next', SHORT);
        expect(next.split('.')[0]).toBe(last.split('.')[0]);
        await again.close();
      }
    },
  );
});
