import { request as nodeRequest } from 'node:http';
import { HTTPHeaders } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { HTTPServer, type ServerRequest } from '../src/index.ts';
import { converse, RawClient, statusLines } from './fixtures/raw-client.ts';
import { openDescriptors, waitUntil, withServer } from './fixtures/running-server.ts';

const echo = (request: ServerRequest): void =>
  request.respond(200, request.body.length > 0 ? request.body : `${request.method} ${request.target}`);

const bodyOf = (received: string) => received.slice(received.indexOf('\r\n\r\n') + 4);

describe('HTTPServer', () => {
  it('answers a request and keeps the connection for the next one [H1-08]', () =>
    withServer(echo, async ({ port }) => {
      const client = await RawClient.connect({ port }, 'GET /one HTTP/1.1\r\nHost: a\r\n\r\n');
      await client.until((received) => received.endsWith('GET /one'));
      client.send('GET /two HTTP/1.1\r\nHost: a\r\n\r\n');
      const received = await client.until((all) => all.endsWith('GET /two'));
      expect(statusLines(received)).toEqual(['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK']);
      expect(received).toMatch(/\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/);
      expect(received).toContain('\r\nContent-Length: 8\r\n');
      client.close();
    }));

  it('answers pipelined requests one after the other, in order [H1-16]', () => {
    const order: string[] = [];
    const slowFirst = async (request: ServerRequest): Promise<void> => {
      order.push(`begin ${request.target}`);
      if (request.target === '/1') await new Promise((resolve) => setTimeout(resolve, 20));
      order.push(`end ${request.target}`);
      request.respond(200, request.target);
    };
    return withServer(slowFirst, async ({ port }) => {
      const requests = ['/1', '/2', '/3'].map((target) => `GET ${target} HTTP/1.1\r\nHost: a\r\n`);
      const received = await converse(port, `${requests.join('\r\n')}Connection: close\r\n\r\n`);
      expect(order).toEqual(['begin /1', 'end /1', 'begin /2', 'end /2', 'begin /3', 'end /3']);
      expect(received.match(/\/\d/g)?.filter((part) => part !== '/1.1')).toEqual(
        expect.arrayContaining(['/1', '/2', '/3']),
      );
      expect(statusLines(received)).toHaveLength(3);
      expect(received.endsWith('/3')).toBe(true);
    });
  });

  it('serves many pipelined requests that come in one piece', () =>
    withServer(echo, async ({ port }) => {
      const count = 2000;
      const received = await converse(
        port,
        'GET /x HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(count) +
          'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      );
      expect(statusLines(received)).toHaveLength(count + 1);
      expect(received.endsWith('GET /last')).toBe(true);
    }));

  it('reads a request that comes byte by byte', () =>
    withServer(echo, async ({ port }) => {
      const client = await RawClient.connect({ port });
      for (const byte of 'POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n') {
        client.send(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(bodyOf(await client.until((all) => all.endsWith('hello')))).toBe('hello');
      client.close();
    }));

  it('closes after an answer to Connection: close, and says so [H1-09] [ATT-17]', () =>
    withServer(echo, async ({ port }) => {
      const received = await converse(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close, foo\r\n\r\n');
      expect(received).toContain('\r\nConnection: close\r\n');
      expect(received.endsWith('GET /')).toBe(true);
    }));

  it('speaks HTTP/1.0, with and without keep-alive [H1-08] [H1-11]', () =>
    withServer(echo, async ({ port }) => {
      expect(await converse(port, 'GET / HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      const client = await RawClient.connect({ port }, 'GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
      expect((await client.until((all) => all.endsWith('GET /a'))).toLowerCase()).toContain(
        'connection: keep-alive',
      );
      client.send('GET /b HTTP/1.0\r\n\r\n');
      expect((await client.untilEnd()).endsWith('GET /b')).toBe(true);
      client.close();
    }));

  it('sends no body to HEAD, 204 and 304, and the next answer is intact [H1-11] [ATT-15]', () => {
    const handler = (request: ServerRequest): void => {
      if (request.target === '/204') request.respond(204);
      else if (request.target === '/304') request.respond(304);
      else request.respond(200, 'a body');
    };
    return withServer(handler, async ({ port }) => {
      const received = await converse(
        port,
        ['HEAD /', 'GET /204', 'GET /304'].map((start) => `${start} HTTP/1.1\r\nHost: a\r\n\r\n`).join('') +
          'GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      );
      expect(statusLines(received)).toEqual([
        'HTTP/1.1 200 OK',
        'HTTP/1.1 204 No Content',
        'HTTP/1.1 304 Not Modified',
        'HTTP/1.1 200 OK',
      ]);
      expect(received.split('a body')).toHaveLength(2);
      expect(received).toContain('Content-Length: 6');
    });
  });

  it('takes an upload with a length and a chunked one, and gives them back whole', () =>
    withServer(echo, async ({ port }) => {
      for (const chunked of [false, true]) {
        const body = Buffer.alloc(3 * 1024 * 1024, 'upload');
        const answer = await new Promise<Buffer>((resolve, reject) => {
          const request = nodeRequest(
            { port, host: '127.0.0.1', method: 'POST', path: '/up' },
            (response) => {
              const chunks: Buffer[] = [];
              response.on('data', (chunk: Buffer) => chunks.push(chunk));
              response.on('end', () => resolve(Buffer.concat(chunks)));
            },
          );
          request.on('error', reject);
          if (chunked) request.write(body.subarray(0, 1000));
          else request.setHeader('Content-Length', body.length);
          request.end(chunked ? body.subarray(1000) : body);
        });
        expect(answer.equals(body)).toBe(true);
      }
    }));

  it('says 100 Continue when the body is awaited, in any letter case [H1-10] [ATT-17]', () =>
    withServer(echo, async ({ port }) => {
      const client = await RawClient.connect(
        { port },
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n',
      );
      await client.until((all) => all === 'HTTP/1.1 100 Continue\r\n\r\n');
      client.send('hello');
      await client.until((all) => all.endsWith('hello'));
      client.close();
    }));

  it('streams an answer in chunks, and waits for a slow reader [ATT-32]', () => {
    const chunk = Buffer.alloc(256 * 1024, 'z');
    const chunks = 40;
    let mostQueued = 0;
    const handler = async ({ exchange, headers }: ServerRequest): Promise<void> => {
      expect(headers.get('host')).toBe('a');
      exchange.writeHead(200, 'OK', new HTTPHeaders());
      for (let written = 0; written < chunks; written += 1) {
        exchange.write(Buffer.from(chunk));
        await exchange.waitDrained();
        mostQueued += 1;
      }
      exchange.finish();
    };
    return withServer(handler, async ({ port }) => {
      const client = await RawClient.connect(
        { port },
        'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      );
      client.socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(mostQueued).toBeLessThan(chunks);
      client.socket.resume();
      const received = await client.untilEnd();
      expect(received).toContain('Transfer-Encoding: chunked');
      expect(received.endsWith('\r\n0\r\n\r\n')).toBe(true);
      expect(received.match(/z/g)).toHaveLength(chunks * chunk.length);
      client.close();
    });
  });

  it('sends a whole body that is larger than the bound of what may pile up', () => {
    const body = Buffer.alloc(20 * 1024 * 1024, 'b');
    return withServer(
      (request) => request.respond(200, body),
      async ({ port }) => {
        const received = await converse(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
        expect(bodyOf(received)).toHaveLength(body.length);
      },
    );
  });

  it('listens on a Unix socket', async () => {
    const { mkdtempSync, rmSync } = await import('node:fs');
    const { tmpdir } = await import('node:os');
    const folder = mkdtempSync(`${tmpdir()}/landspout-`);
    const server = new HTTPServer(echo);
    await server.listen({ path: `${folder}/socket` });
    const client = await RawClient.connect(
      { path: `${folder}/socket` },
      'GET /unix HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    );
    expect((await client.untilEnd()).endsWith('GET /unix')).toBe(true);
    client.close();
    await server.closeAll();
    rmSync(folder, { recursive: true });
  });

  it('leaves no descriptor behind', async () => {
    await withServer(echo, async ({ port }) => void (await converse(port, 'GET / HTTP/1.0\r\n\r\n')));
    const before = openDescriptors();
    await withServer(echo, async ({ port, server }) => {
      const clients = await Promise.all(Array.from({ length: 50 }, () => RawClient.connect({ port })));
      clients.forEach((client, index) => {
        if (index % 3 === 0) client.reset();
        else if (index % 3 === 1) client.send('GET / HTTP/1.0\r\n\r\n');
        else client.send('GET / HT');
      });
      await Promise.all(clients.filter((_, index) => index % 3 === 1).map((client) => client.untilEnd()));
      for (const client of clients) client.close();
      await waitUntil(() => server.connectionCount === 0);
    });
    await waitUntil(() => openDescriptors() <= before);
  });
});
