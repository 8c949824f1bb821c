// `node tooling/gate/gate.mjs test|repo`: runs the steps of a gate one after the other, says what each is for, and
// goes on after a failure, so that one run shows all there is to mend. Fails when any step failed.
import { spawnSync } from 'node:child_process';
import { GATES } from './steps.mjs';

/** @typedef {{ name: string, seconds: string, ok: boolean }} Outcome */

const steps = GATES.get(process.argv[2] ?? '');
if (steps === undefined) {
  console.error(`say which gate: ${[...GATES.keys()].join(' or ')}`);
  process.exit(2);
}

/** @type {Outcome[]} */
const outcomes = [];
for (const { name, command, required } of steps) {
  console.log(`\n==> ${name}`);
  const started = performance.now();
  const ok = run(command);
  outcomes.push({ name, ok, seconds: ((performance.now() - started) / 1000).toFixed(1) });
  if (!ok && required) break;
}

const failed = outcomes.filter(({ ok }) => !ok);
if (failed.length > 0) {
  console.error(`\n${failed.map(({ name, seconds }) => `FAILED after ${seconds} s: ${name}`).join('\n')}`);
  process.exitCode = 1;
}

/** @param {readonly string[]} command */
function run([program = '', ...args]) {
  const { status, error } = spawnSync(program, args, {
    stdio: 'inherit',
    // On Windows turbo and npx are scripts, which only a shell starts.
    shell: process.platform === 'win32',
    env: { TURBO_TELEMETRY_DISABLED: '1', ...process.env },
  });
  if (error !== undefined) console.error(error.message);
  return status === 0;
}
