import { FetchContainer } from '@landspout/httpserver/fetch';
import { NodeContainer } from '@landspout/httpserver/node';
import { VirtualClock } from '@landspout/ioloop/testing';
import compression from 'compression';
import { describe, expect, it } from 'vitest';
import { mount } from '../../src/index.ts';
import { nodeMiddleware } from '../../src/node/index.ts';
import { bodyOf, RawClient, requestText, statusesOf, statusOf } from '../fixtures/raw-client.ts';
import { signalled, withApp } from '../fixtures/running-application.ts';

const LAST = requestText('/b/x', 'GET', 'Connection: close');

describe('a connection on which a mounted handler exceeded handlerTimeoutMs', () => {
  const SLOW = '/slow';
  /** Mounts a handler twice; below `/a`, it has a time limit. */
  function containers(kind: string) {
    const called = signalled();
    const events: string[] = [];
    const container =
      kind === 'NodeContainer'
        ? new NodeContainer((request, response) => {
            if (request.url !== SLOW) {
              response.end(`destroyed: ${request.socket.destroyed}`);
              return;
            }
            request.socket.on('close', () => events.push('socket'));
            request.on('close', () => {
              events.push('request');
              // What ends only this request must not end those that follow.
              request.socket.destroy();
              response.socket?.destroy();
            });
            response.on('close', () => events.push('response'));
            called.resolve();
          })
        : new FetchContainer((request, { incoming, outgoing }) => {
            if (!request.url.endsWith(SLOW)) return new Response(`destroyed: ${incoming.socket.destroyed}`);
            incoming.socket.on('close', () => events.push('socket'));
            incoming.on('close', () => events.push('request'));
            outgoing.on('close', () => events.push('response'));
            called.resolve();
            return new Promise<Response>(() => {});
          });
    const routes = [mount('/a', container, { handlerTimeoutMs: 1_000 }), mount('/b', container)];
    return { routes, called, events };
  }

  it.each(['NodeContainer', 'FetchContainer'])('serves the next request: %s', async (kind) => {
    const clock = new VirtualClock();
    const { routes, called, events } = containers(kind);
    await withApp(
      routes,
      async ({ port }) => {
        const client = await RawClient.connect(port, requestText(`/a${SLOW}`));
        await called.promise;
        await clock.advance(1_000);
        expect(statusOf(await client.until('</html>'))).toBe(503);
        await new Promise((resolve) => setImmediate(resolve));
        expect([...events].sort()).toEqual(['request', 'response']);
        client.send(LAST);
        expect(bodyOf((await client.untilEnd()).split('</html>')[1] ?? '')).toContain('destroyed: false');
      },
      { clock },
    );
    expect(events).toContain('socket');
  });

  it.each(['NodeContainer', 'FetchContainer'])('serves a pipelined request: %s', async (kind) => {
    const clock = new VirtualClock();
    const { routes, called } = containers(kind);
    await withApp(
      routes,
      async ({ port }) => {
        const client = await RawClient.connect(port, requestText(`/a${SLOW}`) + LAST);
        await called.promise;
        await clock.advance(1_000);
        const received = await client.untilEnd();
        expect(statusesOf(received)).toEqual([503, 200]);
        expect(received).toContain('destroyed: false');
      },
      { clock },
    );
  });

  it.each([
    ['a direct client', ''],
    ['a client of a proxy', 'X-Forwarded-For: 203.0.113.9'],
  ])('sends the error page through middleware to %s', async (_name, field) => {
    const clock = new VirtualClock();
    const { routes, called } = containers('NodeContainer');
    await withApp(
      routes,
      async ({ port }) => {
        const fields = ['Accept-Encoding: gzip', 'Connection: close', field].filter((line) => line !== '');
        const client = await RawClient.connect(port, requestText(`/a${SLOW}`, 'GET', ...fields));
        await called.promise;
        await clock.advance(1_000);
        const received = await client.untilEnd();
        expect([statusOf(received), received.includes('Content-Encoding: gzip')]).toEqual([503, true]);
        expect(received).toMatch(/0\r\n\r\n$/);
      },
      {
        clock,
        middleware: [nodeMiddleware(compression({ threshold: 0 }) as Parameters<typeof nodeMiddleware>[0])],
      },
      { trustedProxies: ['127.0.0.1'] },
    );
  });
});
