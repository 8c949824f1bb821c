import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NoticeReceiver } from '../../../ioloop/test/systemd/notice-receiver.ts';
import { waitUntil } from '../fixtures/running-server.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/programs/activated-program.mjs', import.meta.url));
/** What systemd-socket-activate passes on to the program. */
const VARIABLES = ['NOTIFY_SOCKET', 'LANDSPOUT_BACKEND', 'LANDSPOUT_TLS', 'PATH'];

/** The path of a Unix socket cannot be taken by another program, as a port that is chosen before could be. */
function activated() {
  const folder = mkdtempSync(join(tmpdir(), 'landspout-activation-'));
  const paths = { web: join(folder, 'web'), admin: join(folder, 'admin') };
  const options = ['--listen', paths.web, '--listen', paths.admin, '--fdname=web:admin'];
  const passed = VARIABLES.filter((name) => process.env[name] !== undefined).flatMap((name) => ['-E', name]);
  const command = [process.execPath, PROGRAM];
  const child = spawn('systemd-socket-activate', [...options, ...passed, ...command], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines: Record<string, unknown>[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(JSON.parse(line)));
  const ended = new Promise((resolve) => child.once('close', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true });
  });
  return { child, paths, lines, ended };
}

/** Tries again if the socket is bound and does not listen yet. */
function ask(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ socketPath, path: '/', agent: false }, (response) => resolve(text(response))).on(
      'error',
      (error: NodeJS.ErrnoException) =>
        error.code === 'ECONNREFUSED' ? resolve(ask(socketPath)) : reject(error),
    );
  });
}

describe('HTTPServer.listen under systemd-socket-activate', () => {
  it('takes over its sockets by name, with the connection that activated the program in the backlog', async () => {
    const receiver = new NoticeReceiver();
    const { child, paths, lines, ended } = activated();
    await waitUntil(() => existsSync(paths.web) && existsSync(paths.admin));
    expect(lines).toEqual([]); // the program is started by the first connection
    // Its process becomes that of the program.
    expect(await ask(paths.web)).toBe(`web of ${child.pid}`);
    expect(await ask(paths.admin)).toBe(`admin of ${child.pid}`);
    expect(await receiver.next()).toEqual(['READY=1', 'STATUS=two servers']);
    await waitUntil(() => lines.length === 2);
    expect(lines).toEqual([{ passed: ['web', 'admin'] }, { pid: child.pid, environment: [] }]);
    child.kill('SIGTERM');
    expect((await receiver.next())[0]).toBe('STOPPING=1');
    expect(await ended).toBe(0);
  });
});
