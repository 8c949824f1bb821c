import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { IOLoop, type Logger } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { converse } from './fixtures/raw-client.ts';
import { waitUntil, withServer } from './fixtures/running-server.ts';

const PROGRAM = fileURLToPath(new URL('fixtures/programs/crowd-program.mjs', import.meta.url));
const EACH = 100;
const KINDS = 3;
const LARGE = Buffer.alloc(8 * 1024 * 1024, 'x');

describe('a crowd of slow and silent clients', () => {
  it('does not keep a normal client from its answers, and is got rid of [ATT-31] [ATT-32]', () => {
    // Time passes when the test says so: however slow the machine is, only the crowd is too slow.
    const clock = new VirtualClock();
    const problems: unknown[] = [];
    const report = (details: object) => void problems.push(details);
    const logger: Logger = { debug() {}, info() {}, warn: report, error: report };
    return withServer(
      (request) => request.respond(200, request.target === '/large' ? LARGE : 'normal'),
      async ({ server, port }) => {
        const crowd = fork(PROGRAM, [String(port), String(EACH)], {
          stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
        });
        try {
          await once(createInterface(crowd.stdout as Readable), 'line');
          const isThere = () =>
            server.connectionCount === KINDS * EACH && server.stats().requests.begun === 2 * EACH;
          await waitUntil(isThere);
          for (let i = 0; i < 20; i += 1) {
            const answer = await converse(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
            expect(answer.endsWith('\r\n\r\nnormal')).toBe(true);
          }
          expect(server.stats().queuedBytes).toBeLessThanOrEqual(EACH * LARGE.length);
          while (server.connectionCount > 0) {
            await clock.advance(100);
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
          const { requests, refusedHeads, closed, queuedBytes } = server.stats();
          // Slow heads were refused as such, slow bodies as requests, and who never reads was reset.
          expect(refusedHeads).toBe(EACH);
          expect(requests).toMatchObject({ completed: EACH + 20, refused: EACH, underWay: 0 });
          expect(closed).toMatchObject({ 'we-reset': EACH });
          expect(queuedBytes).toBe(0);
          expect(problems).toEqual([]);
        } finally {
          crowd.kill('SIGKILL');
        }
      },
      {
        loop: new IOLoop({ clock, logger }),
        headerTimeoutMs: 400,
        progressMs: 400,
        minBytesPerSecond: 10_000,
      },
    );
  });
});
