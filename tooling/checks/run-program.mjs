import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { consumerEnv } from './consumer.mjs';

/** How long one program may take; it should need a second. */
const PROGRAM_TIMEOUT_MS = 60_000;

/** How long the process may last after the program's last word. An idle connection or a timer would hold it longer. */
const END_MS = 1_500;

/**
 * Runs a program of `programs/` on both backends. It has to say which one it found, as its last word, and to end by
 * itself right after that.
 *
 * @param {string} folder - the consumer.
 * @param {string} script
 * @param {readonly string[]} [node] - the Node to run it on.
 * @returns {Promise<string>} the backends, for a person.
 */
export async function runOnBothBackends(folder, script, node = [process.execPath]) {
  const found = expectedBackend(folder);
  const runs = [
    { wish: '', expected: found },
    { wish: 'portable', expected: 'portable' },
  ];
  for (const { wish, expected } of runs) {
    const output = await runToEnd(folder, [...node, script], { LANDSPOUT_BACKEND: wish });
    const word = output.trimEnd().split('\n').at(-1);
    if (word !== `${expected} backend`) {
      throw new Error(`${script}: "${expected} backend" was expected as its last line, not "${word}"`);
    }
  }
  return `${found} and portable`;
}

/**
 * The native one on Linux where the installed package has a binary for this machine.
 *
 * @param {string} folder @returns {'native' | 'portable'}
 */
export function expectedBackend(folder) {
  const prebuilds = path.join(folder, 'node_modules/@landspout/ioloop/prebuilds');
  const binaries = existsSync(prebuilds) ? readdirSync(prebuilds) : [];
  const ours = binaries.some((one) => one.startsWith(`linux-${process.arch}-`));
  return process.platform === 'linux' && ours ? 'native' : 'portable';
}

/**
 * @param {string} folder
 * @param {readonly string[]} command
 * @param {Record<string, string>} [env]
 * @returns {Promise<string>} its standard output.
 * @throws Error when it fails, writes to standard error, does not end, or not soon after its last word.
 */
export async function runToEnd(folder, [program = '', ...args], env = {}) {
  const child = spawn(program, args, { cwd: folder, env: { ...consumerEnv(), ...env } });
  const killing = setTimeout(() => child.kill('SIGKILL'), PROGRAM_TIMEOUT_MS);
  let output = '';
  let complaints = '';
  let lastWord = performance.now();
  child.stdout.on('data', (bytes) => {
    output += bytes;
    lastWord = performance.now();
  });
  child.stderr.on('data', (bytes) => {
    complaints += bytes;
  });
  const [status, signal] = await once(child, 'close');
  clearTimeout(killing);
  const lasted = Math.round(performance.now() - lastWord);
  const command = [...args, ...Object.values(env)].join(' ').trim();
  if (status !== 0) throw new Error(`${command}: ${signal ?? `exit ${status}`}\n${output}${complaints}`);
  if (complaints !== '') throw new Error(`${command} wrote to standard error:\n${complaints}`);
  if (lasted > END_MS) throw new Error(`${command}: something kept the process alive for ${lasted} ms`);
  return output;
}
