// `pnpm soak tls-churn` and `pnpm soak tls-storm`: long forms of tests in packages/iostream/test/tls-hostile/.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { bundleProgram } from '../fuzz/bundle.mjs';

const FOLDER = 'packages/iostream/test/tls-hostile';
/** The ways of TLS, each with what chooses it. */
const PATHS = /** @type {const} */ ({
  native: { LANDSPOUT_BACKEND: 'native', LANDSPOUT_TLS: '' },
  'node-tls': { LANDSPOUT_BACKEND: 'native', LANDSPOUT_TLS: 'node' },
  portable: { LANDSPOUT_BACKEND: 'portable', LANDSPOUT_TLS: '' },
});

export const TLS_SOAKS = /** @type {const} */ (['tls-churn', 'tls-storm']);
export const TLS_PATHS = /** @type {Array<keyof typeof PATHS>} */ (Object.keys(PATHS));

/**
 * @param {typeof TLS_SOAKS[number]} name
 * @param {{ connections: number, seed: number, paths: readonly (keyof typeof PATHS)[] }} options
 * @returns {Promise<number>} the exit code.
 */
export async function soakTls(name, { connections, seed, paths }) {
  const program = name === 'tls-churn' ? 'churn/long-churn.ts' : 'storm/storm.ts';
  const { folder, file } = await bundleProgram(`${FOLDER}/${program}`);
  try {
    let worst = 0;
    for (const path of paths) {
      console.log(`${name}, ${path}: ${connections} connections`);
      const args = [file, String(connections), String(seed)];
      const env = { ...process.env, ...PATHS[path] };
      const [code] = await once(spawn(process.execPath, args, { stdio: 'inherit', env }), 'exit');
      worst ||= code ?? 1;
    }
    return worst;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
