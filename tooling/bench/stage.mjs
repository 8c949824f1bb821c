import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { BenchError } from './bench-error.mjs';
import { connectionLimits, requirePrograms, shareCores } from './machine.mjs';

/** Descriptors that a process needs beside its connections. */
const SPARE_FILES = 200;

/**
 * Builds what is measured, compiles the two C programs into a temporary folder that goes when the process does, and
 * shares out the cores.
 *
 * @param {{ build: boolean }} options
 */
export function setStage({ build }) {
  requirePrograms();
  if (build) buildPackages();
  const folder = mkdtempSync(path.join(tmpdir(), 'landspout-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const limits = connectionLimits();
  return {
    cores: shareCores(),
    files: limits.files,
    mostConnections: Math.min(limits.files, limits.ports) - SPARE_FILES,
    made: {
      folder,
      answerFile: path.join(folder, 'answer'),
      floor: compile('floor', folder),
      idleClient: compile('idle-client', folder),
    },
  };
}

function buildPackages() {
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

/** @param {string} name @param {string} folder */
function compile(name, folder) {
  const source = fileURLToPath(new URL(`native/${name}.c`, import.meta.url));
  const binary = path.join(folder, name);
  const { status, stderr } = spawnSync('cc', ['-O2', '-o', binary, source], { encoding: 'utf8' });
  if (status !== 0) throw new BenchError(`cc does not compile ${name}.c\n${stderr}`);
  return binary;
}
