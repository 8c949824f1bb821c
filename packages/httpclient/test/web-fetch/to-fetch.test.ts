import { describe, expect, it } from 'vitest';
import { fetchPeer, type Seen } from '../fixtures/fetch-peer.ts';
import { deferred, waitUntil, withClient, withNodeServer, withRawServer } from '../fixtures/servers.ts';

describe('AsyncHTTPClient.toFetch', () => {
  it('refuses what it cannot do, before anything is sent', () =>
    withNodeServer(fetchPeer, ({ url, sockets }) =>
      withClient({}, async (client) => {
        const fetch = client.toFetch();
        const agent = { dispatcher: {} } as RequestInit;
        await expect(fetch(url, agent)).rejects.toThrow('fetch: dispatcher is not supported');
        await expect(fetch(new Request(url), agent)).rejects.toThrow(TypeError);
        await expect(fetch(url, { integrity: 'sha256-x' })).rejects.toThrow(
          'fetch: integrity is not supported',
        );
        const scheme = {
          name: 'TypeError',
          message: 'fetch failed',
          cause: { code: 'ERR_HTTPCLIENT_SCHEME' },
        };
        await expect(fetch('data:text/plain,a')).rejects.toMatchObject(scheme);
        const usage = { name: 'TypeError', message: 'fetch failed', cause: { code: 'ERR_HTTPCLIENT_USAGE' } };
        const form = new FormData();
        form.append('a\0', '1');
        await expect(fetch(url, { method: 'POST', body: form })).rejects.toMatchObject(usage);
        await expect(fetch(url, { headers: { Upgrade: 'websocket' } })).rejects.toMatchObject(usage);
        expect(sockets).toHaveLength(0);
      }),
    ));

  it('does not need its client as `this`, and has the limits and defaults of the client', () =>
    withNodeServer(fetchPeer, ({ url }) =>
      withClient(
        { defaults: { headers: { 'X-Default': '1' }, maxBodyBytes: 10, raiseError: true } },
        async (client) => {
          const { fetch } = { fetch: client.toFetch() };
          const response = await fetch(`${url}/status/404`);
          expect(response.status).toBe(404);
          const tooLarge = { message: 'terminated', cause: { code: 'ERR_HTTPCLIENT_BODY_TOO_LARGE' } };
          await expect(fetch(url).then((long) => long.text())).rejects.toMatchObject(tooLarge);
        },
      ),
    ));

  it('rejects with the phase of a timeout as its cause', () =>
    withNodeServer(fetchPeer, ({ url }) =>
      withClient({ defaults: { requestTimeoutMs: 30 } }, async (client) => {
        const failure = client.toFetch()(`${url}/silent`);
        const cause = { code: 'ERR_HTTPCLIENT_TIMEOUT', phase: 'headers' };
        await expect(failure).rejects.toMatchObject({ name: 'TypeError', message: 'fetch failed', cause });
      }),
    ));

  it('has the line of the caller in the stack of an error', () =>
    withClient({}, async (client) => {
      const fetch = client.toFetch();
      async function theCaller(): Promise<void> {
        await fetch('http://127.0.0.1:1/');
      }
      const error = await theCaller().catch((thrown) => thrown);
      expect(error.stack).toContain('theCaller');
    }));

  it('sends bytes as they were when it was called', () =>
    withNodeServer(fetchPeer, ({ url }) =>
      withClient({}, async (client) => {
        const bytes = Buffer.from('before');
        const response = client.toFetch()(url, { method: 'POST', body: bytes });
        bytes.fill('x');
        expect(((await (await response).json()) as Seen).body).toBe('before');
      }),
    ));

  it('escapes a backslash in a query', () =>
    withNodeServer(fetchPeer, ({ url }) =>
      withClient({}, async (client) => {
        const seen = (await (await client.toFetch()(`${url}/a?b\\c`)).json()) as Seen;
        expect(seen.url).toBe('/a?b%5Cc');
      }),
    ));

  it('sends a stream while it is produced, and cancels it when the request is aborted', async () => {
    const [received, cancelled] = [deferred<string>(), deferred<unknown>()];
    await withRawServer(
      (socket) => {
        let text = '';
        socket.on('end', () => socket.end());
        socket.on('data', (chunk) => {
          text += chunk.toString('latin1');
          if (text.includes('first')) received.resolve(text);
        });
      },
      ({ url, openSockets }) =>
        withClient({}, async (client) => {
          const controller = new AbortController();
          const body = new ReadableStream({
            start: (stream) => stream.enqueue(Buffer.from('first')),
            cancel: (reason) => cancelled.resolve(reason),
          });
          const init = { method: 'POST', body, duplex: 'half', signal: controller.signal } as RequestInit;
          const response = client.toFetch()(url, init);
          expect(await received.promise).toContain('Transfer-Encoding: chunked');
          controller.abort('enough');
          await expect(response).rejects.toBe('enough');
          await cancelled.promise;
          await waitUntil(() => openSockets() === 0);
        }),
    );
  });

  it.each([
    [
      'a ReadableStream',
      (stream: ReadableStream) => ['http://127.0.0.1:1/', { method: 'POST', body: stream, duplex: 'half' }],
    ],
    [
      'a Request',
      (stream: ReadableStream) => [
        new Request('http://127.0.0.1:1/', { method: 'POST', body: stream, duplex: 'half' } as RequestInit),
      ],
    ],
  ])('cancels the stream of %s if no connection can be made', (_, call) =>
    withClient({}, async (client) => {
      const cancelled = deferred<unknown>();
      const [input, init] = call(new ReadableStream({ cancel: cancelled.resolve })) as [string, RequestInit];
      const failed = { message: 'fetch failed', cause: { code: 'ERR_HTTPCLIENT_CONNECT' } };
      await expect(client.toFetch()(input, init)).rejects.toMatchObject(failed);
      await cancelled.promise;
    }),
  );

  it('sends the body of a Request that is not complete at once in chunks', () =>
    withNodeServer(fetchPeer, ({ url }) =>
      withClient({}, async (client) => {
        const chunks = ['a', 'b', 'c'];
        const body = new ReadableStream({
          async pull(controller) {
            await new Promise((resolve) => setTimeout(resolve, 2));
            const chunk = chunks.shift();
            if (chunk === undefined) controller.close();
            else controller.enqueue(Buffer.from(chunk));
          },
        });
        const request = new Request(url, { method: 'POST', body, duplex: 'half' } as RequestInit);
        const seen = (await (await client.toFetch()(request)).json()) as Seen;
        expect(seen).toMatchObject({ body: 'abc', headers: { 'transfer-encoding': 'chunked' } });
        expect(request.bodyUsed).toBe(true);
      }),
    ));

  it('fails if the stream of a Request fails, before or after it is complete', () =>
    withNodeServer(fetchPeer, ({ url }) =>
      withClient({}, async (client) => {
        const own = new Error('own');
        for (const delayMs of [0, 5]) {
          const body = new ReadableStream({
            async pull() {
              if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
              throw own;
            },
          });
          const request = new Request(url, { method: 'POST', body, duplex: 'half' } as RequestInit);
          const failed = { name: 'TypeError', message: 'fetch failed', cause: own };
          await expect(client.toFetch()(request)).rejects.toMatchObject(failed);
        }
      }),
    ));

  it('is aborted by the signal of a Request, which nothing else references', () =>
    withNodeServer(fetchPeer, ({ url }) =>
      withClient({}, async (client) => {
        const controller = new AbortController();
        const response = client.toFetch()(new Request(`${url}/silent`, { signal: controller.signal }));
        for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        controller.abort('why');
        await expect(response).rejects.toBe('why');
      }),
    ));

  it('drops credentials when a redirect leaves the origin [SH-07]', () =>
    withNodeServer(fetchPeer, ({ url }) =>
      withNodeServer(
        (_, response) => response.writeHead(302, { Location: `${url}/end` }).end(),
        (other) =>
          withClient({}, async (client) => {
            const headers = { Authorization: 'Bearer x', Cookie: 'a=1', 'X-Kept': '1' };
            const response = await client.toFetch()(other.url, { headers });
            expect(response).toMatchObject({ url: `${url}/end`, redirected: true });
            const seen = (await response.json()) as Seen;
            expect(seen.headers).toEqual({ 'x-kept': '1' });
          }),
      ),
    ));
});
