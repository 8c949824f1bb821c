import { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { FastResponse, FastURL } from 'srvx';
import { describe, expect, it } from 'vitest';
import { RawClient } from '../../fixtures/raw-client.ts';
import { ask, SRVX_SERVERS, takeErrors, withKind } from './servers.ts';

describe.each(SRVX_SERVERS)('FastResponse of srvx on $name', (kind) => {
  it.each<[string, () => Response, string]>([
    ['text', () => new FastResponse('text'), 'text'],
    ['bytes', () => new FastResponse(new Uint8Array([97, 98])), 'ab'],
    ['an ArrayBuffer', () => new FastResponse(new TextEncoder().encode('buffer').buffer), 'buffer'],
    ['a Blob', () => new FastResponse(new Blob(['blob'])), 'blob'],
    ['a stream', () => new FastResponse(new Blob(['stream']).stream()), 'stream'],
    ['JSON', () => FastResponse.json({ a: 1 }), '{"a":1}'],
    ['nothing', () => new FastResponse(null), ''],
  ])('sends %s', (_what, make, text) =>
    withKind(kind, make, async (port) => {
      const reply = await ask(port, '/');
      expect([reply.status, reply.text, reply.isCut]).toEqual([200, text, false]);
    }),
  );

  it('sends the status and the headers', () =>
    withKind(
      kind,
      () => {
        const response = new FastResponse('made', { status: 201, headers: { 'X-A': '1', 'X-B': '2' } });
        response.headers.append('Set-Cookie', 'a=1');
        response.headers.append('Set-Cookie', 'b=2');
        response.headers.delete('X-B');
        return response;
      },
      async (port) => {
        const { status, headers, text } = await ask(port, '/');
        expect([status, text, headers['x-a'], headers['x-b']]).toEqual([201, 'made', '1', undefined]);
        expect(headers['set-cookie']).toEqual(['a=1', 'b=2']);
      },
    ));

  it('can be cloned and read', () =>
    withKind(
      kind,
      async () => {
        const response = new FastResponse('cloned', { headers: { 'X-A': 'b' } });
        const clone = response.clone();
        return new FastResponse(`${await response.text()} ${await clone.text()} ${clone.headers.get('x-a')}`);
      },
      async (port) => expect((await ask(port, '/')).text).toBe('cloned cloned b'),
    ));
});

describe.each(SRVX_SERVERS)('the request that srvx describes on $name', (kind) => {
  it('has the address of the client', () =>
    withKind(
      kind,
      (request) => new Response(request.ip),
      async (port) => {
        expect((await ask(port, '/')).text).toBe('127.0.0.1');
      },
    ));

  it('has a context for values of the application', () =>
    withKind(
      kind,
      (request) => {
        request.context ??= {};
        request.context.user = 'ada';
        return new Response(String(request.context.user));
      },
      async (port) => expect((await ask(port, '/')).text).toBe('ada'),
    ));

  it('has the objects of node:http', () =>
    withKind(
      kind,
      (request) => {
        const node = request.runtime?.node;
        return Response.json([
          request.runtime?.name,
          node?.req.method,
          node?.req.url,
          node?.res?.headersSent,
        ]);
      },
      async (port) => {
        const { text } = await ask(port, '/a?b');
        expect(JSON.parse(text)).toEqual(['node', 'GET', '/a?b', false]);
      },
    ));

  it('can be inspected', () =>
    withKind(
      kind,
      (request) => new Response(inspect(request)),
      async (port) => expect((await ask(port, '/inspected')).text).toContain('/inspected'),
    ));

  it('has a URL that FastURL parses', () =>
    withKind(
      kind,
      (request) => {
        const url = new FastURL(request.url);
        return Response.json([
          url.pathname,
          url.searchParams.get('q'),
          url.host === new URL(request.url).host,
        ]);
      },
      async (port) => {
        expect(JSON.parse((await ask(port, '/a/b?q=%20')).text)).toEqual(['/a/b', ' ', true]);
      },
    ));

  it('cannot claim another scheme in absolute form', () =>
    withKind(
      kind,
      (request) => new Response(request.url),
      async (port) => {
        const text = 'GET https://example.com/a HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n';
        const client = await RawClient.connect({ port }, text);
        expect(await client.untilEnd()).toContain('http://example.com/a');
        client.close();
      },
    ));

  it.each(['file:///etc/passwd', 'ftp://example.com/', 'nonsense'])(
    'is not made for the target %s',
    (target) =>
      withKind(
        kind,
        (request) => new Response(request.url),
        async (port) => {
          const client = await RawClient.connect(
            { port },
            `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
          );
          expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 400 /);
          client.close();
        },
      ),
  );

  it('responds with 500 if the handler returns an object that is no Response', () =>
    withKind(
      kind,
      (request) =>
        request.url.endsWith('/bad') ? ({ status: 200 } as unknown as Response) : new Response('fine'),
      async (port) => {
        expect((await ask(port, '/bad')).status).toBe(500);
        expect((await ask(port, '/')).text).toBe('fine');
        takeErrors();
      },
    ));
});

// Only FastResponse accepts these, and only srvx does not need to read them as a web stream.
describe.each(SRVX_SERVERS)('a Readable of Node in a FastResponse on $name', (kind) => {
  it('is sent', () =>
    withKind(
      kind,
      () => new FastResponse(Readable.from([Buffer.from('read'), Buffer.from('able')]) as unknown as string),
      async (port) => {
        expect((await ask(port, '/')).text).toBe('readable');
      },
    ));

  it('is destroyed when the client leaves', () => {
    const source = new Readable({ read() {} });
    source.push('begun');
    return withKind(
      kind,
      () => new FastResponse(source as unknown as string),
      async (port) => {
        const client = await RawClient.connect({ port }, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        await client.until((text) => text.includes('begun'));
        const closed = new Promise((resolve) => source.once('close', resolve));
        client.reset();
        await closed;
        expect(source.destroyed).toBe(true);
      },
    );
  });
});
