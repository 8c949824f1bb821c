import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { deferred, waitUntil, withClient, withNodeServer, withRawServer } from '../fixtures/servers.ts';

const OPTIONS = { pipelining: 3, maxConnectionsPerOrigin: 1 };

function response(text: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
}

/** Calls `onRequest` with the target of each request without a body that a socket receives. */
function onTargets(socket: Socket, onRequest: (target: string) => void): void {
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
    for (let at = received.indexOf('\r\n\r\n'); at !== -1; at = received.indexOf('\r\n\r\n')) {
      onRequest(received.split(' ', 2)[1] as string);
      received = received.slice(at + 4);
    }
  });
  socket.on('error', () => {});
}

describe('pipelining', () => {
  it('sends idempotent requests before the responses to others, up to its limit', () => {
    const held = deferred();
    const targets: string[] = [];
    const onSocket = (socket: Socket): void =>
      onTargets(socket, (target) => {
        targets.push(target);
        if (target === '/first') socket.write(response(target));
        else void held.promise.then(() => socket.write(response(target)));
      });
    return withRawServer(onSocket, ({ url, sockets }) =>
      withClient(OPTIONS, async (client) => {
        await client.fetch(`${url}/first`);
        const fetches = ['/a', '/b', '/c', '/d', '/e'].map(async (path) =>
          (await client.fetch(url + path)).text(),
        );
        await waitUntil(() => targets.length === 4);
        expect(client.stats()).toMatchObject({ connections: 1, queued: 2 });
        held.resolve();
        expect(await Promise.all(fetches)).toEqual(['/a', '/b', '/c', '/d', '/e']);
        expect(targets).toEqual(['/first', '/a', '/b', '/c', '/d', '/e']);
        expect(sockets).toHaveLength(1);
        expect(client.stats()).toMatchObject({ idle: 1, queued: 0, sent: 6, reused: 5, responses: 6 });
      }),
    );
  });

  it('pipelines neither on a connection that has carried nothing, nor requests with bodies, nor after them', () => {
    const log: string[] = [];
    return withNodeServer(
      (request, answer) => {
        log.push(`begin ${request.url}`);
        setImmediate(() => {
          log.push(`end ${request.url}`);
          answer.end();
        });
      },
      ({ url }) =>
        withClient(OPTIONS, async (client) => {
          await Promise.all([client.fetch(`${url}/1`), client.fetch(`${url}/2`)]);
          const post = { method: 'POST', body: 'x' };
          await Promise.all([
            client.fetch(`${url}/3`, post),
            client.fetch(`${url}/4`),
            client.fetch(`${url}/5`, post),
          ]);
          expect(log).toEqual([1, 2, 3, 4, 5].flatMap((n) => [`begin /${n}`, `end /${n}`]));
        }),
    );
  });

  it.each([
    ['closes after a response', (socket: Socket) => socket.end()],
    ['resets after a response', (socket: Socket) => socket.resetAndDestroy()],
  ])('sends requests again whose responses had not begun when the server %s', (_, end) => {
    const targets: string[] = [];
    let connections = 0;
    const onSocket = (socket: Socket): void => {
      connections += 1;
      const isFirst = connections === 1;
      onTargets(socket, (target) => {
        targets.push(target);
        if (isFirst && target !== '/first' && target !== '/a') return;
        socket.write(response(target), () => isFirst && target === '/a' && end(socket));
      });
    };
    return withRawServer(onSocket, ({ url }) =>
      withClient(OPTIONS, async (client) => {
        await client.fetch(`${url}/first`);
        const fetches = ['/a', '/b', '/c'].map(async (path) => (await client.fetch(url + path)).text());
        expect(await Promise.all(fetches)).toEqual(['/a', '/b', '/c']);
        expect(connections).toBeGreaterThan(1);
      }),
    );
  });

  it('sends the others again if one is aborted or too slow', () => {
    const onSocket = (socket: Socket): void => {
      let isStuck = false;
      onTargets(socket, (target) => {
        isStuck ||= target.startsWith('/never');
        if (!isStuck) socket.write(response(target));
      });
    };
    return withRawServer(onSocket, ({ url }) =>
      withClient(OPTIONS, async (client) => {
        await client.fetch(`${url}/first`);
        const controller = new AbortController();
        const never = client.fetch(`${url}/never`, { signal: controller.signal });
        const next = client.fetch(`${url}/a`);
        controller.abort(new Error('enough'));
        await expect(never).rejects.toThrow('enough');
        expect((await next).text()).toBe('/a');
        const slow = client.fetch(`${url}/never-again`, { requestTimeoutMs: 30 });
        const other = client.fetch(`${url}/b`);
        await expect(slow).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_TIMEOUT', phase: 'headers' });
        expect((await other).text()).toBe('/b');
        expect(client.stats()).toMatchObject({ connections: 1, queued: 0 });
      }),
    );
  });

  it('sends the request before it again if one that was pipelined is aborted', () => {
    let connections = 0;
    const onSocket = (socket: Socket): void => {
      connections += 1;
      const isFirst = connections === 1;
      onTargets(socket, (target) => {
        if (!isFirst || target === '/first') socket.write(response(target));
      });
    };
    return withRawServer(onSocket, ({ url }) =>
      withClient(OPTIONS, async (client) => {
        await client.fetch(`${url}/first`);
        const controller = new AbortController();
        const current = client.fetch(`${url}/a`);
        const next = client.fetch(`${url}/b`, { signal: controller.signal });
        controller.abort(new Error('enough'));
        await expect(next).rejects.toThrow('enough');
        expect((await current).text()).toBe('/a');
      }),
    );
  });

  it('ends all requests on a connection when the client is closed', () =>
    withRawServer(
      (socket) => onTargets(socket, (target) => target === '/first' && socket.write(response(target))),
      ({ url }) =>
        withClient(OPTIONS, async (client) => {
          await client.fetch(`${url}/first`);
          const fetches = ['/a', '/b', '/c', '/d'].map((path) =>
            client.fetch(url + path).catch((e) => e.code),
          );
          await client.close();
          expect(await Promise.all(fetches)).toEqual(Array(4).fill('ERR_HTTPCLIENT_STOPPED'));
          expect(client.stats()).toMatchObject({ connections: 0, queued: 0 });
        }),
    ));
});
