import { fileURLToPath } from 'node:url';
import { BenchError } from '../bench-error.mjs';
import { Child } from '../child.mjs';
import { serverEnvironment } from '../rows.mjs';

/**
 * Runs one row once, in a process of its own: what the compiler learnt from one row neither helps nor hurts another.
 *
 * @param {import('./rows.mjs').LoopRow} row
 * @param {{ core: string, files: number, floor: string }} stage
 * @returns {Promise<object>} what its program answers.
 * @throws BenchError when it fails, or stands on another backend than the row says.
 */
export async function runRow(row, { core, files, floor }) {
  const env = serverEnvironment(row);
  const name = `${row.title}, ${row.how}`;
  const child = new Child(name, commandOf(row, floor), { cores: core, files, env });
  try {
    const { backend, ...measured } = await child.nextLine();
    if (backend === row.backend) return measured;
    throw new BenchError(`${name} runs on ${backend}, not on ${row.backend}`);
  } finally {
    await child.stop();
  }
}

function commandOf({ program, settings }, floor) {
  if (program === undefined) {
    const { registered, ready, warmupMs, measureMs } = settings;
    return [floor, ...[registered, ready, warmupMs, measureMs].map(String)];
  }
  const file = fileURLToPath(new URL(`programs/${program}.mjs`, import.meta.url));
  return [process.execPath, '--expose-gc', file, JSON.stringify(settings)];
}
