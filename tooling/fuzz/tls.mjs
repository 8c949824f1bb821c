// `pnpm fuzz tls`: mutated records against native TLS, with AddressSanitizer and UBSan. See README.md.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sanitizedEnvironment, sanitizerReports } from '../../packages/ioloop/scripts/sanitizers.mjs';
import { bundleProgram } from './bundle.mjs';

const PROGRAM = 'packages/iostream/test/tls-hostile/mutations/long-run.ts';

/**
 * @param {{ records: number, seed: number, isPlain: boolean }} options - `isPlain`: without sanitizers.
 * @returns {Promise<number>} the exit code.
 */
export async function fuzzTls({ records, seed, isPlain }) {
  const { folder, file } = await bundleProgram(PROGRAM);
  const home = mkdtempSync(join(tmpdir(), 'landspout-fuzz-tls-'));
  try {
    const sanitized = isPlain ? { env: { LANDSPOUT_BACKEND: 'native' } } : sanitizedEnvironment(home);
    if ('reason' in sanitized) {
      console.error(`${sanitized.reason}: run it with --plain`);
      return 1;
    }
    console.log(
      `fuzzing tls: ${records} mutated records, seed ${seed}, sanitizers: ${isPlain ? 'none' : 'all'}`,
    );
    const { status } = spawnSync(process.execPath, [file, String(records), String(seed)], {
      stdio: 'inherit',
      env: { ...process.env, ...sanitized.env },
    });
    const found = isPlain ? [] : (sanitizerReports(home) ?? ['the sanitized addon was not loaded']);
    for (const report of found) console.error(report);
    console.log(`${found.length} reports of the sanitizers`);
    return status === 0 && found.length === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(home, { recursive: true, force: true });
  }
}
