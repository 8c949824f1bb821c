import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { HTTPServer } from '../../src/index.ts';
import { RawClient } from '../fixtures/raw-client.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/programs/signal-program.mjs', import.meta.url));

/** A program with a server whose `/slow` is answered when its client shuts down its side. */
async function start() {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise((resolve) => void child.once('exit', (...exit) => resolve(exit)));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<string> => (await lines.next()).value as string;
  return { child, exited, next, port: Number(await next()) };
}

describe('HTTPServer.stopOnSignals', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'stops well on %s, and lets the process end with 0',
    async (signal) => {
      const { child, exited, next, port } = await start();
      const busy = await RawClient.connect({ port }, 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
      expect(await next()).toBe('slow');
      child.kill(signal);
      expect(await next()).toBe('stopping');
      busy.socket.end();
      expect(await busy.untilEnd()).toMatch(/Connection: close.*late$/s);
      expect(await next()).toBe('{"finished":1,"idle":0,"cut":0}');
      expect(await next()).toBe('listen: ERR_HTTP_STOPPING');
      expect(await exited).toEqual([0, null]);
    },
  );

  it('goes on stopping when another signal follows, as behind a Ctrl-C', async () => {
    const { child, exited, next, port } = await start();
    const busy = await RawClient.connect({ port }, 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await next()).toBe('slow');
    child.kill('SIGINT');
    expect(await next()).toBe('stopping');
    child.kill('SIGTERM');
    busy.socket.end();
    expect(await busy.untilEnd()).toMatch(/late$/);
    expect(await exited).toEqual([0, null]);
  });

  it('leaves a signal that comes for the second time to the system', async () => {
    const { child, exited, next, port } = await start();
    const busy = await RawClient.connect({ port }, 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await next()).toBe('slow');
    child.kill('SIGTERM');
    expect(await next()).toBe('stopping');
    child.kill('SIGTERM');
    expect(await exited).toEqual([null, 'SIGTERM']);
    busy.close();
  });

  it('takes its handlers away when it is cancelled', () => {
    const before = process.listenerCount('SIGTERM');
    const server = new HTTPServer(() => {});
    const stop = server.stopOnSignals({ signals: ['SIGTERM'] });
    expect(process.listenerCount('SIGTERM')).toBe(before + 1);
    stop.cancel();
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });

  it('refuses an empty list of signals, and invalid times', () => {
    const server = new HTTPServer(() => {});
    const refusal = expect.objectContaining({ code: 'ERR_STREAM_USAGE' });
    expect(() => server.stopOnSignals({ signals: [] })).toThrow(refusal);
    expect(() => server.stopOnSignals({ drainMs: -1 })).toThrow(refusal);
  });
});
