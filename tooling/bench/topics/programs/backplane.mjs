import { mkdtempSync } from 'node:fs';
import path from 'node:path';
import { JournalBackplane, MemoryBackplane, ProcessesBackplane } from '@landspout/topics';
import { settings } from '../../program.mjs';

const OPENERS = {
  memory: () => new MemoryBackplane(),
  journal: ({ folder, durability }) =>
    JournalBackplane.open({ folder: mkdtempSync(path.join(folder, 'journal-')), durability }),
  processes: () => ProcessesBackplane.open(),
  async redis({ redis }) {
    const { RedisBackplane } = await import('@landspout/topics-redis');
    return await RedisBackplane.connect({ url: redis });
  },
};

/** The backplane of the row; a journal is of its own, with the durability that the row has. */
export async function openBackplane() {
  const { durability, backplane = durability === undefined ? 'memory' : 'journal' } = settings;
  return await OPENERS[backplane](settings);
}
