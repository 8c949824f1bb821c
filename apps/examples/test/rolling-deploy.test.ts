import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ExampleProcess } from './example-process.ts';

const PROGRAMS = { 'nginx-light': '/usr/sbin/nginx', 'redis-server': '/usr/bin/redis-server' };

describe('the example rolling-deploy', () => {
  it('replaces the server behind nginx without a lost or doubled message', async () => {
    for (const [name, file] of Object.entries(PROGRAMS))
      if (!existsSync(file)) throw new Error(`there is no ${file}: apt-get install ${name}`);
    await using program = ExampleProcess.program('rolling-deploy/deploy.js', {}, [
      ...['--clients', '60', '--room', '20', '--publish-ms', '50', '--seconds', '1'],
      ...['--closes-per-second', '30', '--drain-ms', '15000'],
    ]);
    const code = await program.end();
    expect(program.output).toMatch(/60 clients, [1-9]\d+ messages published, 0 refused/);
    expect(program.output).toMatch(
      /[1-9]\d+ deliveries: 0 lost, 0 doubled, 0 readers with another order, 0 gaps/,
    );
    expect(program.output).toContain('60 reconnections after SIGTERM');
    expect(code).toBe(0);
  }, 90_000);
});
