import { Child } from '../child.mjs';
import { serverEnvironment } from '../rows.mjs';
import { requireBackend } from '../server.mjs';
import { startClient } from './clients.mjs';

/**
 * One round of one row: the reader measures by itself, from the first line on.
 *
 * @param {import('./rows.mjs').StreamRow} row
 * @returns {Promise<{ count: number, cpuNs: number, wallNs: number }>}
 */
export async function measureLines(row, stage) {
  const { cores, files, made, commandOf } = stage;
  const options = { cores: cores.server, files, env: serverEnvironment(row) };
  const reader = new Child(row.title, commandOf(row), options);
  try {
    const { port, backend } = await reader.nextLine();
    requireBackend(row, backend);
    const sender = startClient(`the sender of ${row.title}`, stage, [made.lineSender, port]);
    try {
      const { count, cpuNs, wallNs } = await reader.nextLine();
      return { count, cpuNs, wallNs };
    } finally {
      await sender.stop();
    }
  } finally {
    await reader.stop();
  }
}
