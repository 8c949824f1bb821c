import { describe, expect, it } from 'vitest';
import { AsyncHTTPClient } from '../../src/index.ts';
import { fail, MockTransport } from '../../src/testing/index.ts';
import { rejection } from '../fixtures/recording.ts';

const URL_A = 'http://h/a';

async function mocked<T>(test: (mock: MockTransport, client: AsyncHTTPClient) => Promise<T>): Promise<T> {
  await using mock = new MockTransport();
  await using client = new AsyncHTTPClient({ connect: mock.connect });
  return await test(mock, client);
}

describe('fail', () => {
  it('refuses connections, does not find hosts, and never connects [SH-10]', () =>
    mocked(async (mock, client) => {
      mock.on('GET', '/a', {});
      mock.onConnect('http://h', fail.refuse(), { times: 1 });
      mock.onConnect(/^https:.*\.lost$/, fail.resolve());
      mock.onConnect('http://slow:81', fail.hang());
      expect(await rejection(client.fetch(URL_A))).toMatchObject({
        code: 'ERR_HTTPCLIENT_CONNECT',
        cause: { code: 'ECONNREFUSED', address: 'h:80' },
      });
      expect((await client.fetch(URL_A)).status).toBe(200);
      expect(await rejection(client.fetch('https://is.lost/'))).toMatchObject({
        code: 'ERR_HTTPCLIENT_CONNECT',
        cause: { code: 'ERR_STREAM_RESOLVE' },
      });
      const controller = new AbortController();
      const slow = rejection<Error>(client.fetch('http://slow:81/', { signal: controller.signal }));
      setImmediate(() => controller.abort(new Error('enough')));
      expect((await slow).message).toBe('enough');
      expect(mock.connections).toMatchObject({ opened: 1, failed: 3 });
    }));

  it('resets the connection after the request, the head or some bytes of the body [SH-10]', () =>
    mocked(async (mock, client) => {
      mock.on('GET', '/request', fail.reset());
      mock.on(
        'GET',
        '/head',
        fail.reset({ after: 'head', response: { status: 206, headers: { 'X-A': 'b' } } }),
      );
      mock.on('GET', '/body', fail.reset({ after: { bodyBytes: 70_000 } }));
      mock.on(
        'GET',
        '/chunks',
        fail.reset({ after: { bodyBytes: 4 }, response: { body: ['abc', 'def', 'ghi'] } }),
      );
      const seen: unknown[] = [];
      for (const path of ['request', 'head', 'body', 'chunks']) {
        let bytes = 0;
        let status = 0;
        const failed = await rejection(
          client.fetch(`http://h/${path}`, {
            onHead: (head) => {
              status = head.status;
            },
            onData: (chunk) => {
              bytes += chunk.length;
            },
          }),
        );
        expect(failed).toMatchObject({ code: 'ERR_HTTPCLIENT_CLOSED', cause: { code: 'ECONNRESET' } });
        seen.push([path, status, bytes]);
      }
      expect(seen).toEqual([
        ['request', 0, 0],
        ['head', 206, 0],
        ['body', 200, 70_000],
        ['chunks', 200, 4],
      ]);
    }));

  it('resets an open connection, after which the client sends an idempotent request again', () =>
    mocked(async (mock, client) => {
      mock.on('GET', '/a', {}, { times: 1 });
      mock.on('GET', '/a', fail.reset(), { times: 1 });
      mock.on('GET', '/a', { body: 'again' });
      await client.fetch(URL_A);
      expect((await client.fetch(URL_A)).text()).toBe('again');
      expect(mock.requests.map(({ connection }) => connection)).toEqual([1, 1, 2]);
      mock.assertDone();
    }));

  it('hangs after a part of the response, until the client gives up', () =>
    mocked(async (mock, client) => {
      mock.on('GET', '/a', fail.hang({ after: { bodyBytes: 3 }, response: { body: 'abcdef' } }));
      const response = await client.stream(URL_A);
      const chunks: string[] = [];
      for await (const chunk of response) {
        chunks.push(Buffer.from(chunk).toString());
        break;
      }
      expect(chunks).toEqual(['abc']);
      await client.close();
      await new Promise((resolve) => setImmediate(resolve));
      expect(mock.connections.open).toBe(0);
    }));

  it('sends bytes that are not HTTP, or only a part of it', () =>
    mocked(async (mock, client) => {
      mock.on('GET', '/status', fail.malformed('HTTP/9.9 what\r\n\r\n'));
      mock.on('GET', '/short', fail.malformed('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc'));
      mock.on(
        'GET',
        '/raw',
        fail.malformed('HTTP/1.1 200 \xff\r\nContent-Length: 1\r\n\r\na', { keepOpen: true }),
      );
      const code = async (path: string) => (await rejection(client.fetch(`http://h/${path}`))).code;
      expect(await code('status')).toBe('ERR_HTTPCLIENT_BAD_RESPONSE');
      expect(await code('short')).toBe('ERR_HTTPCLIENT_CLOSED');
      expect((await client.fetch('http://h/raw')).text()).toBe('a');
      expect((await client.fetch('http://h/raw')).reason).toBe('\xff');
      expect(mock.connections.opened).toBe(3);
    }));
});
