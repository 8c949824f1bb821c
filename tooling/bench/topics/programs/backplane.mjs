import { mkdtempSync } from 'node:fs';
import path from 'node:path';
import { JournalBackplane, MemoryBackplane } from '@landspout/topics';
import { settings } from '../../program.mjs';

/** The backplane of the row: memory, or a journal of its own with that durability. */
export async function openBackplane() {
  const { durability } = settings;
  if (durability === undefined) return new MemoryBackplane();
  const folder = mkdtempSync(path.join(settings.folder, 'journal-'));
  return await JournalBackplane.open({ folder, durability });
}
