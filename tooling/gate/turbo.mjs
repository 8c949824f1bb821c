// `node tooling/gate/turbo.mjs <turbo arguments>`: turbo without its telemetry, on every shell. An opening
// `--say <line>` tells the person who waits what for.
import { spawnSync } from 'node:child_process';

const args = process.argv.slice(2);
if (args[0] === '--say') console.log(args.splice(0, 2)[1]);
const { status, error } = spawnSync('turbo', args, {
  stdio: 'inherit',
  shell: process.platform === 'win32',
  env: { TURBO_TELEMETRY_DISABLED: '1', ...process.env },
});
if (error !== undefined) console.error(error.message);
process.exitCode = status ?? 1;
