import { channel } from 'node:diagnostics_channel';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { FetchMessage } from '../../src/index.ts';
import { deferred, withClient, withNodeServer, withRawServer } from '../fixtures/servers.ts';

describe('a fetch', () => {
  it('does not wait for ever for the body of a redirect, although only the headers have a limit [SH-08]', () =>
    withRawServer(
      (socket) => {
        socket.on('error', () => {});
        socket.on('data', () =>
          socket.write('HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 10\r\n\r\nx'),
        );
      },
      ({ url }) =>
        withClient({}, async (client) => {
          const options = { requestTimeoutMs: 0, headersTimeoutMs: 50 };
          await expect(client.fetch(url, options)).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_TIMEOUT' });
        }),
    ));

  it('reads the body for as long as it takes, although the headers have a limit [SH-03]', () => {
    const gate = deferred();
    return withNodeServer(
      (_, response) => {
        response.write('a');
        void gate.promise.then(() => response.end('b'));
      },
      ({ url }) =>
        withClient({}, async (client) => {
          const response = await client.stream(url, { requestTimeoutMs: 0, headersTimeoutMs: 3_000 });
          expect(Buffer.from((await response.read()) ?? []).toString()).toBe('a');
          setTimeout(() => gate.resolve(), 3_300);
          expect(await response.text()).toBe('b');
        }),
    );
  });

  it('sends headers that can be iterated over once, also after a redirect [HC-02]', () => {
    const seen: unknown[] = [];
    return withNodeServer(
      (request, response) => {
        seen.push(request.headers['x-a']);
        if (request.url === '/') response.writeHead(302, { Location: '/next' });
        response.end();
      },
      ({ url }) =>
        withClient({}, async (client) => {
          await client.fetch(url, { headers: new Map([['X-A', '1']]).entries() });
          expect(seen).toEqual(['1', '1']);
        }),
    );
  });

  it('limits the decoded body, not the encoded one, which may be larger [ATT-26]', () =>
    withNodeServer(
      (_, response) => {
        response.writeHead(200, { 'Content-Encoding': 'gzip' });
        response.end(gzipSync('0123456789'));
      },
      ({ url }) =>
        withClient({}, async (client) => {
          for (const maxBodyBytes of [10, Number.MAX_SAFE_INTEGER])
            expect((await client.fetch(url, { maxBodyBytes })).text()).toBe('0123456789');
          await expect(client.fetch(url, { maxBodyBytes: 9 })).rejects.toMatchObject({
            code: 'ERR_HTTPCLIENT_BODY_TOO_LARGE',
          });
        }),
    ));

  it('ends with the client while its cookies are fetched [HC-01]', async () => {
    const cookieJar = { getCookieString: () => new Promise<string>(() => {}), setCookie() {} };
    await withClient({ cookieJar }, async (client) => {
      const fetching = client.fetch('http://127.0.0.1:1/').catch((error) => error.code);
      await client.close();
      expect(await fetching).toBe('ERR_HTTPCLIENT_STOPPED');
    });
  });

  it.each(['start', 'sent', 'head'])('may be aborted by a subscriber of the channel %s', (name) =>
    withNodeServer(
      (_, response) => response.end('x'),
      ({ url }) =>
        withClient({}, async (client) => {
          const controller = new AbortController();
          const abort = (message: unknown): void => {
            if ((message as FetchMessage).record.request.url === `${url}/abort`)
              controller.abort(new Error('traced'));
          };
          const events = channel(`landspout.http.client.request.${name}`);
          await client.fetch(url);
          events.subscribe(abort);
          try {
            const fetching = client.fetch(`${url}/abort`, { signal: controller.signal });
            await expect(fetching).rejects.toThrow('traced');
          } finally {
            events.unsubscribe(abort);
          }
          expect((await client.fetch(url)).text()).toBe('x');
          expect(client.stats()).toMatchObject({ queued: 0, failures: 1, responses: 2 });
        }),
    ),
  );
});
