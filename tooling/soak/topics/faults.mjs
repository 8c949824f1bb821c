// `pnpm soak topics-faults`: the long form of packages/topics-redis/test/faults/, with clients over WebSockets.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleProgram, ROOT } from '../../fuzz/bundle.mjs';

const PROGRAM = 'packages/topics-redis/test/faults/long-faults.ts';
/** What the programs of servers and clients import, as it is published. */
const BUILT = ['@landspout/websocket', '@landspout/topics-redis'];

const fileOf = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * @param {{ only: string, clients: number, isMarkdown: boolean }} options
 * @returns {Promise<number>} the exit code.
 */
export async function soakTopicsFaults(options) {
  const filters = BUILT.map((name) => `--filter=${name}`);
  const build = ['tooling/gate/turbo.mjs', 'run', 'build', ...filters, '--output-logs=errors-only'];
  const { status } = spawnSync(process.execPath, build, {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) return 1;
  const { folder, file } = await bundleProgram(PROGRAM, (code) => code, ['vitest']);
  try {
    const programs = {
      extension: fileOf('websocket-server.mjs'),
      clientsProgram: fileOf('websocket-clients.mjs'),
    };
    const args = [file, JSON.stringify({ ...options, ...programs })];
    const [code] = await once(spawn(process.execPath, args, { stdio: 'inherit' }), 'exit');
    return code ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
