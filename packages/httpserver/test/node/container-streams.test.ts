import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { withContainer } from '../fixtures/node-servers.ts';
import { converse, RawClient } from '../fixtures/raw-client.ts';
import { waitUntil } from '../fixtures/running-server.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const PIECE = Buffer.alloc(64 * 1024, 'x');

function post(body: string, fields = ''): string {
  return `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
}

const bodyOf = (received: string): string => received.slice(received.indexOf('\r\n\r\n') + 4);
const headOf = (received: string): string => received.slice(0, received.indexOf('\r\n\r\n') + 2);

/** What a client receives from a handler. */
async function responseTo(
  handler: (request: IncomingMessage, response: ServerResponse) => unknown,
  text = GET,
): Promise<string> {
  let received = '';
  await withContainer(handler, async (port) => {
    received = await converse(port, text);
  });
  return received;
}

describe('writing a response', () => {
  it('sends a whole body with its length, and pieces as chunks', async () => {
    const whole = await responseTo((_request, response) => void response.end('Grüße'));
    expect(headOf(whole)).toContain('\r\nContent-Length: 7\r\n');
    const pieces = await responseTo((_request, response) => {
      response.write('one');
      response.end('two');
    });
    expect(headOf(pieces)).toContain('\r\nTransfer-Encoding: chunked\r\n');
    expect(bodyOf(pieces)).toBe('3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n');
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['setHeader', (response) => void response.setHeader('X-List', ['a', 'b']).setHeader('X-Number', 5)],
    [
      'writeHead with a record',
      (response) => void response.writeHead(200, { 'X-List': ['a', 'b'], 'X-Number': 5 }),
    ],
    [
      'writeHead with a list',
      (response) => void response.writeHead(200, ['X-List', ['a', 'b'], 'X-Number', 5]),
    ],
    [
      'setHeader and writeHead',
      (response) => void response.setHeader('X-List', ['a', 'b']).writeHead(200, { 'X-Number': 5 }),
    ],
    [
      'setHeaders',
      (response) =>
        void response.setHeaders(
          new Map<string, string | string[]>([
            ['X-List', ['a', 'b']],
            ['X-Number', '5'],
          ]),
        ),
    ],
  ])('sends the fields of %s in their order', async (_name, set) => {
    const received = await responseTo((_request, response) => {
      set(response);
      response.end();
    });
    expect(headOf(received)).toContain('\r\nX-List: a\r\nX-List: b\r\nX-Number: 5\r\n');
  });

  it('sends the status and the reason that were set', async () => {
    const received = await responseTo((_request, response) => void response.writeHead(202, 'Taken').end());
    expect(received).toMatch(/^HTTP\/1\.1 202 Taken\r\n/);
  });

  it('takes strings in any encoding of Node', async () => {
    const received = await responseTo((_request, response) => {
      response.write('6f', 'hex');
      response.end(Buffer.from('k').toString('base64'), 'base64');
    });
    expect(bodyOf(received)).toBe('1\r\no\r\n1\r\nk\r\n0\r\n\r\n');
  });

  it('leaves the fields of the connection to the connection, except Connection: close', async () => {
    const received = await responseTo((_request, response) => {
      response.writeHead(200, {
        Connection: 'keep-alive',
        'Keep-Alive': 'timeout=5',
        'Transfer-Encoding': 'chunked',
      });
      response.end('x');
    });
    expect(headOf(received)).not.toMatch(/keep-alive/i);
    expect(bodyOf(received)).toBe('1\r\nx\r\n0\r\n\r\n');
    const closing = await responseTo(
      (_request, response) => void response.setHeader('Connection', 'close').end('x'),
      'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    );
    expect(headOf(closing)).toContain('\r\nConnection: close\r\n');
  });

  it('sends no body for HEAD, 204 and 304', async () => {
    const handler = (_request: IncomingMessage, response: ServerResponse): void => {
      response.setHeader('Content-Length', 5);
      response.end('hello');
    };
    const head = await responseTo(handler, GET.replace('GET', 'HEAD'));
    expect(headOf(head)).toContain('\r\nContent-Length: 5\r\n');
    expect(bodyOf(head)).toBe('');
    for (const status of [204, 304]) {
      const received = await responseTo((_request, response) => {
        response.statusCode = status;
        response.write('ignored');
        response.end('ignored');
      });
      expect(bodyOf(received)).toBe('');
    }
  });

  it('does not invent a length for a response to HEAD that ends without a body', async () => {
    const received = await responseTo(
      (_request, response) => void response.end(),
      GET.replace('GET', 'HEAD'),
    );
    expect(received).not.toMatch(/content-length|transfer-encoding/i);
  });

  it('sends trailers after a chunked body', async () => {
    const received = await responseTo((_request, response) => {
      response.writeHead(200, { Trailer: 'X-Sum' });
      response.write('a');
      response.addTrailers({ 'X-Sum': '1' });
      response.end();
    });
    expect(bodyOf(received)).toBe('1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n');
  });

  it('sends the head at once after flushHeaders', () => {
    let response!: ServerResponse;
    const handler = (_request: IncomingMessage, current: ServerResponse): void => {
      response = current;
      response.flushHeaders();
    };
    return withContainer(handler, async (port) => {
      const client = await RawClient.connect({ port }, GET);
      await client.until((text) => text.includes('\r\n\r\n'));
      expect(response.headersSent).toBe(true);
      response.end('later');
      expect(await client.untilEnd()).toContain('later');
    });
  });

  it('sends interim responses', async () => {
    const received = await responseTo((_request, response) => {
      response.writeProcessing();
      response.writeEarlyHints({ link: '</a.css>; rel=preload; as=style' }, () => response.end('x'));
    });
    expect(received).toMatch(
      /^HTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 103 Early Hints\r\nLink: <\/a.css>; rel=preload; as=style\r\n\r\nHTTP\/1\.1 200 OK\r\n/,
    );
  });

  it('refuses a body of another length with strictContentLength, as node:http does', async () => {
    const codes: unknown[] = [];
    const received = await responseTo((_request, response) => {
      response.strictContentLength = true;
      response.setHeader('Content-Length', 3);
      try {
        response.end('four');
      } catch (error) {
        codes.push((error as { code?: string }).code);
      }
      response.end('two');
    });
    expect(codes).toEqual(['ERR_HTTP_CONTENT_LENGTH_MISMATCH']);
    expect(bodyOf(received)).toBe('two');
  });

  it('lets the handler respond otherwise if the length does not match the whole body', async () => {
    const received = await responseTo((_request, response) => {
      response.setHeader('Content-Length', 3);
      expect(() => response.end('four')).toThrow(
        expect.objectContaining({ code: 'ERR_HTTP1_LENGTH_MISMATCH' }),
      );
      expect(response.headersSent).toBe(false);
      response.removeHeader('Content-Length');
      response.statusCode = 500;
      response.end('sorry');
    });
    expect(received).toMatch(/^HTTP\/1\.1 500 [\s\S]*sorry$/);
  });
});

describe('back-pressure of a response', () => {
  it('pauses a handler while the client does not read, and goes on with the event drain', () => {
    let written = 0;
    let response!: ServerResponse;
    const drains: boolean[] = [];
    const handler = (_request: IncomingMessage, current: ServerResponse): void => {
      response = current;
      const more = (): void => {
        while (written < 400) {
          written += 1;
          if (!response.write(PIECE)) return;
        }
        response.end();
      };
      response.on('drain', () => {
        drains.push(response.writableNeedDrain);
        more();
      });
      more();
    };
    return withContainer(handler, async (port) => {
      const client = await RawClient.connect({ port });
      client.socket.pause();
      client.send(GET);
      await waitUntil(() => response?.writableNeedDrain === true && written > 1);
      const paused = written;
      expect(paused).toBeLessThan(400);
      expect(response.writableLength).toBeGreaterThan(0);
      client.socket.resume();
      const received = await client.untilEnd();
      expect(received.endsWith('\r\n0\r\n\r\n')).toBe(true);
      expect(received.length).toBeGreaterThan(400 * PIECE.length);
      expect(drains.length).toBeGreaterThan(0);
      expect(new Set(drains)).toEqual(new Set([false]));
      expect(response.writableLength).toBe(0);
    });
  });

  it('holds the source of a pipeline', () => {
    let produced = 0;
    const handler = (_request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const source = new Readable({
        read() {
          produced += 1;
          this.push(produced <= 400 ? PIECE : null);
        },
      });
      return pipeline(source, response);
    };
    return withContainer(handler, async (port) => {
      const client = await RawClient.connect({ port });
      client.socket.pause();
      client.send(GET);
      let seen = -1;
      await waitUntil(() => {
        const isStill = produced > 0 && produced === seen;
        seen = produced;
        return isStill;
      });
      expect(produced).toBeLessThan(401);
      client.socket.resume();
      expect((await client.untilEnd()).endsWith('\r\n0\r\n\r\n')).toBe(true);
    });
  });

  it('passes an error to the callback of a write if the client leaves before it has read that', () => {
    const results: unknown[] = [];
    const handler = (_request: IncomingMessage, response: ServerResponse): void => {
      const large = Buffer.alloc(12 * 1024 * 1024, 'x');
      response.write(large, (error) => results.push((error as { code?: string } | undefined)?.code));
    };
    return withContainer(handler, async (port) => {
      const client = await RawClient.connect({ port }, GET);
      client.socket.once('data', () => client.reset());
      await waitUntil(() => results.length > 0);
      expect(results).toEqual(['ERR_STREAM_DESTROYED']);
    });
  });
});

describe('a piece that is larger than the queue of a connection', () => {
  const large = Buffer.alloc(20 * 1024 * 1024, 'x');
  large.write('<');
  large.write('>', large.length - 1);

  it.each<[string, (response: ServerResponse) => void, number]>([
    ['end', (response) => void response.end(large), large.length],
    ['end with a text', (response) => void response.end(large.toString('latin1')), large.length],
    [
      'write',
      (response) => {
        response.setHeader('Content-Length', large.length + 6);
        response.write('a');
        response.write(large);
        response.write('bc');
        response.end('def');
      },
      large.length + 6,
    ],
  ])('is sent by %s as the client reads', (_name, send, length) => {
    const events: string[] = [];
    const handler = (_request: IncomingMessage, response: ServerResponse): void => {
      response.on('finish', () => events.push('finish')).on('close', () => events.push('close'));
      send(response);
      events.push('returned');
    };
    return withContainer(handler, async (port) => {
      const received = await converse(port, GET);
      expect(headOf(received)).toContain(`\r\nContent-Length: ${length}\r\n`);
      const body = bodyOf(received);
      expect([body.length, body.indexOf('<') < 2, body.lastIndexOf('>') > length - 7]).toEqual([
        length,
        true,
        true,
      ]);
      await waitUntil(() => events.length === 3);
      expect(events).toEqual(['returned', 'finish', 'close']);
    });
  });

  it('is given up if the client leaves', () => {
    const events: string[] = [];
    const handler = (_request: IncomingMessage, response: ServerResponse): void => {
      response.on('finish', () => events.push('finish')).on('close', () => events.push('close'));
      response.end(large);
    };
    return withContainer(handler, async (port) => {
      const client = await RawClient.connect({ port }, GET);
      client.socket.once('data', () => client.reset());
      await waitUntil(() => events.length > 0);
      expect(events).toEqual(['close']);
    });
  });
});

describe('reading a body', () => {
  it('delivers a large body unchanged, through pipe', () => {
    const body = 'abcdefghij'.repeat(100_000);
    const handler = (request: IncomingMessage, response: ServerResponse): void => {
      const hash = createHash('sha256').setEncoding('hex');
      request.pipe(hash).on('finish', () => response.end(hash.read()));
    };
    return withContainer(handler, async (port) => {
      const received = await converse(port, post(body));
      expect(bodyOf(received)).toBe(createHash('sha256').update(body).digest('hex'));
    });
  });

  it('echoes a body while it is received', async () => {
    const upper = (): Transform =>
      new Transform({
        transform: (chunk, _encoding, callback) => callback(null, String(chunk).toUpperCase()),
      });
    const body = 'abc'.repeat(50_000);
    const received = await responseTo(async (request, response) => {
      response.setHeader('Content-Length', request.headers['content-length'] as string);
      await pipeline(request, upper(), response);
    }, post(body));
    expect(bodyOf(received)).toBe(body.toUpperCase());
  });

  it('is possible by asynchronous iteration, with an encoding, and after some time', async () => {
    const received = await responseTo(async (request, response) => {
      await new Promise((resolve) => setImmediate(resolve));
      request.setEncoding('utf8');
      const chunks: string[] = [];
      for await (const chunk of request) chunks.push(chunk as string);
      response.end(chunks.join(''));
    }, post('hello'));
    expect(bodyOf(received)).toBe('hello');
  });

  it('lets the client wait while the handler does not read', () => {
    let request!: IncomingMessage;
    const handler = (current: IncomingMessage, response: ServerResponse): void => {
      request = current;
      request.on('end', () => response.end());
    };
    return withContainer(handler, async (port) => {
      const client = await RawClient.connect({ port });
      const total = 64 * 1024 * 1024;
      client.send(`POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${total}\r\n\r\n`);
      let sent = 0;
      const more = (): void => {
        while (sent < total) {
          sent += PIECE.length;
          if (!client.socket.write(PIECE)) return;
        }
      };
      client.socket.on('drain', more);
      more();
      let seen = -1;
      await waitUntil(() => {
        const isStill = request !== undefined && sent === seen;
        seen = sent;
        return isStill;
      });
      expect(sent).toBeLessThan(total);
      expect(request.complete).toBe(false);
      request.resume();
      expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 200 /);
      expect(request.complete).toBe(true);
    });
  });

  it('asks for the body when it is read', () => {
    const text = post('hello', 'Expect: 100-continue\r\n');
    const head = text.slice(0, -5);
    let read!: () => void;
    const handler = (request: IncomingMessage, response: ServerResponse): void => {
      read = () => void request.pipe(new PassThrough()).on('data', (chunk) => response.end(chunk));
    };
    return withContainer(handler, async (port) => {
      const client = await RawClient.connect({ port }, head);
      await waitUntil(() => read !== undefined);
      expect(client.received).toBe('');
      read();
      await client.until((received) => received === 'HTTP/1.1 100 Continue\r\n\r\n');
      client.send('hello');
      expect(bodyOf((await client.untilEnd()).slice(25))).toBe('hello');
    });
  });

  it('asks for the body at writeContinue', () => {
    const head = post('hello', 'Expect: 100-continue\r\n').slice(0, -5);
    const handler = (request: IncomingMessage, response: ServerResponse): void => {
      response.writeContinue();
      request.on('end', () => response.end('got it')).resume();
    };
    return withContainer(handler, async (port) => {
      const client = await RawClient.connect({ port }, head);
      await client.until((received) => received.includes('100 Continue\r\n\r\n'));
      client.send('hello');
      expect(await client.untilEnd()).toMatch(
        /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 [\s\S]*got it$/,
      );
    });
  });

  it('does not ask for a body that the handler does not read', async () => {
    const head = post('hello', 'Expect: 100-continue\r\n').slice(0, -5);
    const received = await responseTo((_request, response) => {
      response.statusCode = 403;
      response.end('no');
    }, head);
    expect(received).toMatch(/^HTTP\/1\.1 403 /);
  });

  it('fails for a handler that still reads when the response is complete', () => {
    let error: unknown;
    const handler = (request: IncomingMessage, response: ServerResponse): void => {
      request.on('error', (failure) => {
        error = failure;
      });
      request.once('data', () => response.end('enough'));
    };
    return withContainer(handler, async (port) => {
      const client = await RawClient.connect({ port });
      client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\nhello`);
      expect(await client.untilEnd()).toContain('enough');
      await waitUntil(() => error !== undefined);
      expect(error).toMatchObject({ code: 'ECONNRESET' });
    });
  });
});
