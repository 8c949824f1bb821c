import { IOLoop } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import type { IOStream } from '@landspout/iostream';
import { describe, expect, it } from 'vitest';
import type { HTTPServer, ServerRequest } from '../../src/index.ts';
import { RawClient } from '../fixtures/raw-client.ts';
import { waitUntil, withServer } from '../fixtures/running-server.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const STOP = { acceptMs: 5_000, graceMs: 1_000, drainMs: 60_000 };

/** Runs `test` against a server whose time is that of the test. */
function withClock(
  handler: (request: ServerRequest) => void,
  test: (running: { server: HTTPServer; port: number; clock: VirtualClock }) => Promise<void>,
): Promise<void> {
  const clock = new VirtualClock();
  return withServer(handler, ({ server, port }) => test({ server, port, clock }), {
    loop: new IOLoop({ clock }),
  });
}

/** Lets acceptMs pass, and waits until the timer of the next phase has taken the place of its timer. */
async function endAccepting(clock: VirtualClock): Promise<void> {
  const { pending } = clock;
  await clock.advance(STOP.acceptMs);
  await waitUntil(() => clock.pending === pending);
}

const hello = (request: ServerRequest): void => request.respond(200, 'hello');

describe('the option acceptMs of stop', () => {
  it('accepts connections for this time, and responds to each with Connection: close', () =>
    withClock(hello, async ({ server, port, clock }) => {
      const stopped = server.stop(STOP);
      expect(server.stopping.aborted).toBe(true);
      for (const passedMs of [0, 2_500, 2_499]) {
        await clock.advance(passedMs);
        const client = await RawClient.connect({ port }, GET);
        expect(await client.untilEnd()).toMatch(/\r\nConnection: close\r\n.*hello$/s);
        client.close();
      }
      await clock.advance(1);
      expect(await stopped).toEqual({ finished: 3, idle: 0, cut: 0 });
      await expect(RawClient.connect({ port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    }));

  it('gives idle connections their graceMs after it', () =>
    withClock(hello, async ({ server, port, clock }) => {
      const stopped = server.stop(STOP);
      const clients = [await RawClient.connect({ port }), await RawClient.connect({ port })];
      await waitUntil(() => server.connectionCount === 2);
      await endAccepting(clock);
      await clock.advance(999);
      clients[0]?.send(GET);
      expect(await clients[0]?.untilEnd()).toContain('hello');
      await clock.advance(1);
      expect(await clients[1]?.untilEnd()).toBe('');
      for (const client of clients) client.close();
      expect(await stopped).toEqual({ finished: 1, idle: 1, cut: 0 });
    }));

  it('notifies the owners of streams after it, so that their clients do not return to this server', () => {
    let isNotified = false;
    let taken: IOStream | undefined;
    const take = ({ exchange }: ServerRequest): void => {
      const stream = exchange.detach(() => {
        isNotified = true;
        return stream.closeGracefully(1_000);
      });
      taken = stream;
    };
    return withClock(take, async ({ server, port, clock }) => {
      const client = await RawClient.connect({ port }, GET);
      await waitUntil(() => taken !== undefined);
      const stopped = server.stop(STOP);
      await clock.advance(4_999);
      expect(isNotified).toBe(false);
      await clock.advance(1);
      expect(await client.untilEnd()).toBe('');
      client.close();
      expect(isNotified).toBe(true);
      expect(await stopped).toEqual({ finished: 1, idle: 0, cut: 0 });
    });
  });

  it('ends early if closeAll is called', () =>
    withClock(hello, async ({ server, port }) => {
      const client = await RawClient.connect({ port });
      await waitUntil(() => server.connectionCount === 1);
      const stopped = server.stop(STOP);
      await server.closeAll();
      expect(await stopped).toEqual({ finished: 0, idle: 0, cut: 1 });
      await client.untilEnd();
      client.close();
    }));

  it('is part of drainMs', () => {
    let isCalled = false;
    const never = (): void => {
      isCalled = true;
    };
    return withClock(never, async ({ server, port, clock }) => {
      const client = await RawClient.connect({ port }, GET);
      await waitUntil(() => isCalled);
      const stopped = server.stop({ ...STOP, drainMs: 10_000 });
      await endAccepting(clock);
      await clock.advance(1_000);
      await clock.advance(4_000);
      expect(await stopped).toEqual({ finished: 0, idle: 0, cut: 1 });
      expect(await client.untilEnd()).toBe('');
      client.close();
    });
  });
});
