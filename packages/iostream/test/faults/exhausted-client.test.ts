import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { TCPServer } from '../../src/index.ts';

const PROGRAM = fileURLToPath(new URL('support/exhausted-client.mjs', import.meta.url));
/** Enough for Node itself and a dozen or two of connections. */
const DESCRIPTORS = 48;

describe('TCPClient, out of descriptors', () => {
  it('says so with EMFILE, and connects again when descriptors are free', async () => {
    await using server = await new TCPServer({
      // An end is answered, or the client's closes would linger.
      handleStream: (stream) => stream.readUntilClose().then(() => stream.close()),
    }).listen({ host: '127.0.0.1' });
    const command = `ulimit -n ${DESCRIPTORS} && exec "$0" "$@"`;
    const child = spawn('sh', ['-c', command, process.execPath, PROGRAM, String(server.port)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let log = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      log += chunk;
    });
    const [status] = await once(child, 'close');
    expect([log, status]).toEqual(['', 0]);
    const outcome = JSON.parse(output) as { before: number };
    expect(outcome).toMatchObject({ name: 'SystemError', code: 'EMFILE', isOpenAgain: true });
    expect(outcome.before).toBeGreaterThan(0);
  });
});
