import { spawnSync } from 'node:child_process';

/**
 * @typedef {object} CommandOptions
 * @property {string} [cwd]
 * @property {number} [timeoutMs] - default two minutes; then the command is killed.
 * @property {NodeJS.ProcessEnv} [env]
 */

/**
 * Runs a command to its end, quietly.
 *
 * @param {readonly string[]} command - the program and its arguments.
 * @param {CommandOptions} [options]
 * @returns {string} what it wrote to its standard output.
 * @throws Error that shows all it wrote, when it fails or takes too long.
 */
export function runCommand(command, { cwd, timeoutMs = 120_000, env = process.env } = {}) {
  const [program = '', ...args] = command;
  const { status, signal, error, stdout, stderr } = spawnSync(program, args, {
    ...{ cwd, env, encoding: 'utf8', timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 * 1024 },
    // On Windows npm and npx are scripts, which only a shell starts.
    shell: process.platform === 'win32',
  });
  if (status === 0) return stdout;
  const how = error?.message ?? (signal === null ? `exit ${status}` : `ended by ${signal}`);
  throw new Error(`${command.join(' ')}: ${how}\n${stdout}${stderr}`);
}

/** How to start pnpm here: by itself where it is installed, as under `npx pnpm`, otherwise through npx. */
export function pnpm() {
  try {
    runCommand(['pnpm', '--version']);
    return ['pnpm'];
  } catch {
    return ['npx', '-y', 'pnpm@12'];
  }
}
