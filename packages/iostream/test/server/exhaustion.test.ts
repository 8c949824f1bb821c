import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as pass } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../support/echo-program.mjs', import.meta.url));
/** Enough for Node itself and a dozen or two of connections. */
const DESCRIPTORS = 48;
const CONNECTIONS = 100;
/** How long the processor time of an exhausted server is looked at, and the share of it that would be spinning. */
const WINDOW_MS = 600;
const SPINNING = 0.5;
/** Of the processor times in /proc, which are counted in hundredths of a second. */
const TICK_MS = 10;

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

/** Milliseconds of processor time that a process has used; `undefined` where the system does not say. */
function processorTime(pid: number): number | undefined {
  try {
    // Behind the name, which is in brackets and may contain anything: user and system time are the 12th and 13th.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return undefined;
  }
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
      // What cannot be accepted stays ready for ever, and must not be asked about for ever.
      const before = processorTime(child.pid as number);
      await pass(WINDOW_MS);
      const after = processorTime(child.pid as number);
      if (before !== undefined && after !== undefined) {
        expect(after - before).toBeLessThan(WINDOW_MS * SPINNING);
      }
      for (const { socket } of peers) socket.destroy();
      await Promise.all(peers.map(({ echoed }) => echoed));
      const late = ask(port);
      expect(await late.echoed).toBe(true);
      late.socket.destroy();
      expect(child.exitCode).toBeNull();
      expect(log).not.toMatch(/"level":"error"|\[E /);
      // Accepting pauses and fails again ten times a second: once a minute is often enough to read of it.
      const failures = log.match(/accepting pauses|accepting a connection failed/g) ?? [];
      expect(failures.length).toBeLessThanOrEqual(2);
    } finally {
      child.kill();
      await once(child, 'exit');
    }
  });
});
