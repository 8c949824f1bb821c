import express from 'express';
import { describe, expect, it } from 'vitest';
import { exchangeOf, FetchContainer } from '../../src/fetch/index.ts';
import { NodeContainer } from '../../src/node/index.ts';
import { converse } from '../fixtures/raw-client.ts';
import { withServer } from '../fixtures/running-server.ts';

function requestOf(target: string, host = 'header.example', method = 'GET'): string {
  return `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nX-Other: x\r\nConnection: close\r\n\r\n`;
}

async function seen(port: number, text: string): Promise<unknown> {
  const received = await converse(port, text);
  return JSON.parse(received.slice(received.indexOf('\r\n\r\n') + 4));
}

const ofExpress = express();
ofExpress.use((request, response) => {
  const { url, originalUrl, hostname, headers, rawHeaders } = request;
  const hosts = rawHeaders.filter((_, at) => rawHeaders[at - 1]?.toLowerCase() === 'host');
  response.json({ url, originalUrl, hostname, host: headers.host, hosts });
});

describe('a target in absolute form (RFC 9112 §3.2.2)', () => {
  it.each([
    ['http://target.example/n?a=b', '/n?a=b', 'target.example'],
    ['http://target.example:81?a', '/?a', 'target.example:81'],
    ['HTTPS://target.example', '/', 'target.example'],
    ['http://[::1]:81/n?', '/n?', '[::1]:81'],
    ['http://target.example/n?b=http://other.example/?c', '/n?b=http://other.example/?c', 'target.example'],
  ])('is the url and host of a Node handler: %s', (target, url, host) =>
    withServer(new NodeContainer(ofExpress), async ({ port }) => {
      const hostname = host.replace(/:\d+$/, '');
      const expected = { url, originalUrl: url, hostname, host, hosts: [host] };
      expect(await seen(port, requestOf(target))).toEqual(expected);
    }),
  );

  it('is the url and host of a Fetch handler', () =>
    withServer(
      new FetchContainer((request) => {
        const { target } = exchangeOf(request)?.head ?? {};
        const { headers, url } = request;
        return Response.json({ url, host: headers.get('Host'), other: headers.get('X-Other'), target });
      }),
      async ({ port }) => {
        expect(await seen(port, requestOf('http://target.example:81/n?a'))).toEqual({
          url: 'http://target.example:81/n?a',
          host: 'target.example:81',
          other: 'x',
          target: '/n?a',
        });
      },
    ));

  it('leaves the other forms as they are', () =>
    withServer(new NodeContainer(ofExpress), async ({ port }) => {
      expect(await seen(port, requestOf('*', 'a', 'OPTIONS'))).toMatchObject({ url: '*', host: 'a' });
      expect(await seen(port, requestOf('//b/n', 'a'))).toMatchObject({ url: '//b/n', host: 'a' });
    }));
});
