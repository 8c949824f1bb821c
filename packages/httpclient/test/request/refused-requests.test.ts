import { describe, expect, it } from 'vitest';
import { AsyncHTTPClient, HTTPClientUsageError, HTTPRequest, type RequestOptions } from '../../src/index.ts';
import { withClient, withNodeServer } from '../fixtures/servers.ts';

/** Tries a fetch that must not make a connection, and returns the error. */
function refusal(path: string, options: RequestOptions = {}): Promise<HTTPClientUsageError> {
  return withNodeServer(
    (_, response) => response.end(),
    ({ url, sockets }) =>
      withClient({}, async (client) => {
        const target = path.startsWith('/') ? url + path : path;
        const error = await client.fetch(target, options).catch((reason) => reason);
        expect(error).toBeInstanceOf(HTTPClientUsageError);
        expect(sockets).toHaveLength(0);
        return error;
      }),
  );
}

describe('AsyncHTTPClient, before it connects', () => {
  it.each([
    '/a\r\nX: y',
    '/a\nb',
    '/a b',
    '/a\tb',
    '/a\u0000',
    '/\ud800',
    'http://a\\@127.0.0.1/',
    'http://127.0.0.1:0/',
    'http://127.0.0.1:99999/',
    'http:127.0.0.1/',
    'http:///127.0.0.1/',
    'http:////127.0.0.1/',
    'http:///',
    'http://',
    'http://:80/',
    'http://?x',
    'http://user@/',
    'http://%31%32%37.0.0.1/',
    'http://127.1/',
    'http://[::1%25lo]/',
    'http://a@b@127.0.0.1/',
    'relative',
    '',
    'http://%ff@127.0.0.1/',
    ' http://127.0.0.1/',
  ])('refuses the URL %j [ATT-38]', async (url) => {
    expect((await refusal(url)).code).toBe('ERR_HTTPCLIENT_URL');
  });

  it.each(['file:///etc/passwd', 'ftp://127.0.0.1/', 'data:,x', 'ws://127.0.0.1/', 'javascript:1'])(
    'refuses the scheme of %s [ATT-62]',
    async (url) => {
      expect((await refusal(url)).code).toBe('ERR_HTTPCLIENT_SCHEME');
    },
  );

  it('never shows a password in an error', async () => {
    const error = await refusal('http://user:secret@127.0.0.1/\n');
    expect(error.message).not.toContain('secret');
  });

  it('says what was expected, what came and why, with the error of http1 as its cause', async () => {
    const error = await refusal('http:///127.0.0.1/');
    expect(error).toMatchObject({
      message:
        'fetch: an absolute URL such as http://host/path was expected, not "http:///127.0.0.1/": ' +
        'there is no host after "//"',
      cause: { code: 'ERR_HTTP1_URL' },
    });
  });

  it('refuses a URL object of another scheme [ATT-62]', () =>
    withClient({}, async (client) => {
      await expect(client.fetch(new URL('ws://127.0.0.1/'))).rejects.toMatchObject({
        code: 'ERR_HTTPCLIENT_SCHEME',
      });
    }));

  it('takes the host of a URL object as the platform has read it', () =>
    withNodeServer(
      (request, response) => response.end(request.headers.host),
      ({ url }) =>
        withClient({}, async (client) => {
          const text = url.replace('http://127.0.0.1', 'HTTP:\\\\0x7f.1').concat('/a b');
          expect((await client.fetch(new URL(text))).text()).toBe(new URL(url).host);
        }),
    ));

  it.each<[string, RequestOptions]>([
    ['a line end in a header value', { headers: { 'X-A': 'a\r\nX-B: b' } }],
    ['a line end in a header name', { headers: { 'X-A: a\r\nX-B': 'b' } }],
    ['a line end in the user agent', { userAgent: 'a\nb' }],
    ['a method that is no token', { method: 'GET /\r\n', allowNonstandardMethods: true }],
    ['a colon in the name of basicAuth', { basicAuth: { username: 'a:b', password: '' } }],
    ['a line end in basicAuth', { basicAuth: { username: 'a', password: 'b\n' } }],
    ['Transfer-Encoding', { method: 'POST', body: 'x', headers: { 'Transfer-Encoding': 'gzip' } }],
    ['another length than the body has', { method: 'POST', body: 'x', headers: { 'Content-Length': '2' } }],
    ['a length that is none', { method: 'POST', body: 'x', headers: { 'Content-Length': '1, 1' } }],
    ['two hosts', { headers: { Host: ['a', 'b'] } }],
    ['Upgrade', { headers: { Connection: 'Upgrade', Upgrade: 'websocket' } }],
  ])('refuses %s [ATT-38]', async (_, options) => {
    expect((await refusal('/', options)).code).toBe('ERR_HTTPCLIENT_USAGE');
  });

  it.each<[string, RequestOptions]>([
    ['a GET with a body', { body: 'x' }],
    ['a POST without one', { method: 'POST' }],
    ['a method that HTTP does not define', { method: 'BREW' }],
    ['CONNECT', { method: 'CONNECT', allowNonstandardMethods: true }],
    ['a body that is none', { method: 'POST', body: 5 as unknown as string }],
    ['a timeout below 0', { requestTimeoutMs: -1 }],
    ['a timeout that is no number', { connectTimeoutMs: Number.NaN }],
    ['a limit that does not limit', { maxBodyBytes: Number.POSITIVE_INFINITY }],
    ['a family that is none', { family: 5 as 4 }],
    ['a date that is none', { ifModifiedSince: new Date(Number.NaN) }],
  ])('refuses %s [HC-06]', async (_, options) => {
    expect((await refusal('/', options)).code).toBe('ERR_HTTPCLIENT_USAGE');
  });

  it('takes any method, with or without a body, where that is allowed [HC-06]', () =>
    withNodeServer(
      (request, response) => response.end(request.method),
      ({ url }) =>
        withClient({}, async (client) => {
          const options = { method: 'PROPFIND', body: 'x', allowNonstandardMethods: true };
          expect((await client.fetch(url, options)).text()).toBe('PROPFIND');
        }),
    ));

  it('refuses headers of a request object as it is made', () => {
    expect(() => new HTTPRequest('http://a/', { headers: { A: 'b\nc' } })).toThrow(HTTPClientUsageError);
  });

  it.each([
    { maxConnections: 0 },
    { maxConnectionsPerOrigin: 1.5 },
    { maxQueued: -1 },
    { idleTimeoutMs: Number.NaN },
    { defaults: { headers: { A: '\r' } } },
  ])('refuses the options %j', (options) => {
    expect(() => new AsyncHTTPClient(options)).toThrow(
      expect.objectContaining({ code: 'ERR_HTTPCLIENT_USAGE' }),
    );
  });

  it('refuses limits that do not limit', () => {
    const options = { limits: { maxHeadBytes: Number.NaN } };
    expect(() => new AsyncHTTPClient(options)).toThrow(expect.objectContaining({ code: 'ERR_HTTP1_LIMIT' }));
  });
});
