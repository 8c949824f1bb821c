// The long form of test/mounting/hostile/clients.test.ts: thousands of clients that leave in every mount, by random seeds.
//
//   node packages/web/scripts/leaving-clients.mjs [rounds] [clients] [seed]
//
// Runs each round on both backends, with a new seed, which is printed so that a failure can be repeated.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const [rounds = 5, clients = 300, first = Date.now() % 1_000_000] = process.argv.slice(2).map(Number);
const command = 'vitest run --config tooling/vitest/workspace.config.ts --root . --testTimeout 600000';
const file = 'packages/web/test/mounting/hostile/clients.test.ts';

for (let seed = first; seed < first + rounds; seed += 1) {
  for (const backend of ['native', 'portable']) {
    console.log(`seed ${seed}, ${clients} clients of each mount, backend ${backend}`);
    const env = {
      ...process.env,
      LANDSPOUT_BACKEND: backend,
      LANDSPOUT_SEED: String(seed),
      LANDSPOUT_CLIENTS: String(clients),
    };
    const { status } = spawnSync('npx', [...command.split(' '), file], { cwd: root, env, stdio: 'inherit' });
    if (status !== 0) process.exit(1);
  }
}
