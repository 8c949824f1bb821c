import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../scripts/journal-kills.mjs', import.meta.url));

// On the built package, whose processes are killed. The script has the details, and the long form.
it('loses and doubles nothing that a process had acknowledged when it was killed', {
  timeout: 240_000,
}, async () => {
  const child = spawn(process.execPath, [SCRIPT, '--kills', '20', '--seed', '18', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
  const counts = JSON.parse(output) as Record<string, number>;
  expect(counts).toMatchObject({ kills: 20, problems: 0 });
  // Otherwise there was nothing to lose.
  expect(counts.acknowledged).toBeGreaterThan(1000);
  expect(counts.found).toBeGreaterThan(1000);
});
