import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { BenchError } from './bench-error.mjs';

/** Builds the packages that are measured. @throws BenchError */
export function buildPackages() {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const bin = path.join(root, 'node_modules', '.bin');
  const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH}` };
  const args = [
    'tooling/gate/turbo.mjs',
    'run',
    'build',
    '--filter=@landspout/bench^...',
    '--output-logs=errors-only',
  ];
  const { status } = spawnSync(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
  if (status !== 0) throw new BenchError('the packages do not build');
}

/** Makes a folder that goes when this process does. */
export function temporaryFolder() {
  const folder = mkdtempSync(path.join(tmpdir(), 'landspout-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Compiles `native/<name>.c`. @param {string} name @param {string} folder @returns {string} the program */
export function compile(name, folder) {
  const source = fileURLToPath(new URL(`native/${name}.c`, import.meta.url));
  const binary = path.join(folder, name);
  const { status, stderr } = spawnSync('cc', ['-O2', '-pthread', '-o', binary, source], { encoding: 'utf8' });
  if (status !== 0) throw new BenchError(`cc does not compile ${name}.c\n${stderr}`);
  return binary;
}
