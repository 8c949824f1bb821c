import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('support/echo-program.mjs', import.meta.url));
/** Enough for Node itself and a dozen or two of connections. */
const DESCRIPTORS = 48;
const CONNECTIONS = 100;

/** Connects and asks for an echo; resolves to whether it came before the connection ended. */
function ask(port: number): { socket: Socket; echoed: Promise<boolean> } {
  const socket = connect({ port, host: '127.0.0.1' });
  const echoed = new Promise<boolean>((resolve) => {
    socket.once('data', () => resolve(true));
    socket.once('close', () => resolve(false));
  });
  socket.on('error', () => {});
  socket.write('are you there?\n');
  return { socket, echoed };
}

describe('TCPServer, out of descriptors', () => {
  it('serves those that it has, and accepts again when descriptors are free', async () => {
    const child = spawn(
      'sh',
      ['-c', `ulimit -n ${DESCRIPTORS} && exec "$0" "$1"`, process.execPath, PROGRAM],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    try {
      let log = '';
      child.stderr.on('data', (chunk) => {
        log += chunk;
      });
      const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
      const port = Number(line);
      const peers = Array.from({ length: CONNECTIONS }, () => ask(port));
      expect(await peers[0]?.echoed).toBe(true);
      // The last ones are refused or wait; the first is still served meanwhile.
      const first = peers[0]?.socket as Socket;
      const again = once(first, 'data');
      first.write('and still?\n');
      expect(String((await again)[0])).toBe('and still?\n');
      for (const { socket } of peers) socket.destroy();
      await Promise.all(peers.map(({ echoed }) => echoed));
      const late = ask(port);
      expect(await late.echoed).toBe(true);
      late.socket.destroy();
      expect(child.exitCode).toBeNull();
      expect(log).not.toContain('Error: ');
    } finally {
      child.kill();
      await once(child, 'exit');
    }
  });
});
