import { describe, expect, it } from 'vitest';
import { RequestHandler } from '../../src/index.ts';
import {
  ask,
  bodyOf,
  converse,
  headerOf,
  RawClient,
  requestText,
  statusesOf,
  statusOf,
} from '../fixtures/raw-client.ts';
import { type Running, withApp } from '../fixtures/running-application.ts';

/** Serves one handler with the given `get`. */
function withGet(
  get: (handler: RequestHandler) => void | Promise<void>,
  test: (running: Running) => Promise<void>,
): Promise<void> {
  class Given extends RequestHandler {
    override get(): void | Promise<void> {
      return get(this);
    }
  }
  return withApp([['/', Given]], test);
}

const codesOf = ({ log }: Running): unknown[] =>
  log.records.map(({ error }) => (error as { code?: unknown }).code);

describe('setStatus', () => {
  it('sets a status, with its own phrase or another [OUT-01]', () =>
    withGet(
      (handler) => handler.setStatus(Number(handler.getArgument('s')), handler.getArgument('r', '')),
      async ({ port }) => {
        expect(await ask(port, '/?s=201')).toMatch(/^HTTP\/1\.1 201 Created\r\n/);
        expect(await ask(port, '/?s=599')).toMatch(/^HTTP\/1\.1 599 Unknown\r\n/);
        expect(await ask(port, '/?s=200&r=Fine')).toMatch(/^HTTP\/1\.1 200 Fine\r\n/);
      },
    ));

  it.each(['a%0D%0AX: 1', '%3Cscript%3E', 'caf%C4%8D'])(
    'replaces the phrase %s by a neutral one [ATT-36]',
    (reason) =>
      withGet(
        (handler) => handler.setStatus(400, handler.getArgument('r', '', { strip: false })),
        async ({ port }) =>
          expect(await ask(port, `/?r=${reason.replaceAll(' ', '+')}`)).toMatch(
            /^HTTP\/1\.1 400 Bad Request\r\n/,
          ),
      ),
  );

  it.each([199, 100, 600, 200.5, Number.NaN])('refuses %d', (status) =>
    withGet(
      (handler) => handler.setStatus(status),
      async (running) => {
        expect(statusOf(await ask(running.port, '/'))).toBe(500);
        expect(codesOf(running)).toEqual(['ERR_WEB_USAGE']);
      },
    ),
  );
});

describe('headers', () => {
  it('are set, added and cleared; dates are HTTP dates [OUT-02]', () =>
    withGet(
      (handler) => {
        handler.setHeader('X-Count', 7);
        handler.setHeader('X-Date', new Date(0));
        handler.addHeader('X-Many', 'a');
        handler.addHeader('x-many', 'b\tc');
        handler.setHeader('X-Gone', '1');
        handler.clearHeader('x-gone');
        handler.clearHeader('Server');
        handler.clearHeader('Never-There');
      },
      async ({ port }) => {
        const answer = await ask(port, '/');
        expect(headerOf(answer, 'X-Count')).toBe('7');
        expect(headerOf(answer, 'X-Date')).toBe('Thu, 01 Jan 1970 00:00:00 GMT');
        expect(answer).toContain('X-Many: a\r\nx-many: b\tc\r\n');
        expect([headerOf(answer, 'X-Gone'), headerOf(answer, 'Server')]).toEqual([undefined, undefined]);
      },
    ));

  it('of one answer do not reach the next [OUT-02]', () =>
    withGet(
      (handler) => {
        if (handler.getArgument('set', '') !== '') handler.setHeader('X-Set', 'yes');
      },
      async ({ port }) => {
        const answers = await converse(
          port,
          requestText('/?set=1'),
          requestText('/', 'GET', 'Connection: close'),
        );
        expect(answers.match(/X-Set/g)).toHaveLength(1);
      },
    ));

  it.each(['a\r\nX: 1', 'a\nb', 'a\rb', 'a\0b', 'a\x7f', 'a\u0100', '\ud800'])(
    'refuse the value %j, and nothing is sent [ATT-35] [ATT-77]',
    (value) =>
      withGet(
        (handler) => {
          handler.write('secret');
          handler.setHeader('X', value);
        },
        async (running) => {
          const answer = await ask(running.port, '/');
          expect([statusOf(answer), answer.includes('secret'), headerOf(answer, 'X')]).toEqual([
            500,
            false,
            undefined,
          ]);
          expect(codesOf(running)).toEqual(['ERR_HTTP1_HEADER_VALUE']);
        },
      ),
  );

  it.each([undefined, null, Number.NaN, {}])('refuse a value of another type: %s [OUT-02]', (value) =>
    withGet(
      (handler) => handler.setHeader('X', value as never),
      async (running) => {
        expect(statusOf(await ask(running.port, '/'))).toBe(500);
        expect(codesOf(running)).toEqual(['ERR_WEB_USAGE']);
      },
    ),
  );

  it('refuse a bad name', () =>
    withGet(
      (handler) => handler.setHeader('X Y', '1'),
      async (running) => {
        expect(statusOf(await ask(running.port, '/'))).toBe(500);
        expect(codesOf(running)).toEqual(['ERR_HTTP1_HEADER_NAME']);
      },
    ));
});

describe('write', () => {
  it('joins text and bytes in order [OUT-03]', () =>
    withGet(
      (handler) => {
        handler.write('ä');
        handler.write('b');
        handler.write(Buffer.from([0xff]));
        handler.write('');
        handler.write('c\ud800');
      },
      async ({ port }) => {
        const answer = await ask(port, '/');
        expect(bodyOf(answer)).toBe('\xc3\xa4b\xffc\xef\xbf\xbd');
        expect(headerOf(answer, 'Content-Length')).toBe('8');
      },
    ));

  it('sends an object as JSON, with its type [OUT-03]', () =>
    withGet(
      (handler) => handler.write({ a: [1] }),
      async ({ port }) => {
        const answer = await ask(port, '/');
        expect([headerOf(answer, 'Content-Type'), bodyOf(answer)]).toEqual([
          'application/json; charset=UTF-8',
          '{"a":[1]}',
        ]);
      },
    ));

  it.each([
    [[1]],
    [null],
    [undefined],
    [7],
    [Promise.resolve()],
    [new Map()],
    [new ArrayBuffer(1)],
    [{ toJSON: () => undefined }],
  ])('refuses %s [OUT-03]', (chunk) =>
    withGet(
      (handler) => handler.write(chunk as never),
      async (running) => {
        expect(statusOf(await ask(running.port, '/'))).toBe(500);
        expect(codesOf(running)).toEqual(['ERR_WEB_USAGE']);
      },
    ),
  );

  it.each([
    [Promise.resolve(), 'got a Promise (await it?)'],
    [[1], 'got an array (wrap it in an object: { items: [] })'],
    [new Map(), 'got an object of Map (convert it with Object.fromEntries)'],
    [() => 'x', 'got a function (call it?)'],
    [7, 'got 7 (convert it with String)'],
    [undefined, 'got undefined'],
  ])('says of %o what it is, and what to do [OUT-03]', (chunk, words) =>
    withGet(
      (handler) => handler.write(chunk as never),
      async (running) => {
        expect(statusOf(await ask(running.port, '/'))).toBe(500);
        const message = `write: chunk must be a string, a Uint8Array or a plain object, ${words}`;
        expect(running.log.records.map(({ error }) => (error as Error).message)).toEqual([message]);
      },
    ),
  );

  it('takes data of any type that is an object, and the compiler refuses what is none [OUT-03]', () => {
    interface User {
      readonly name: string;
      readonly byteLength?: number;
    }
    class Point {
      x = 1;
      toJSON(): object {
        return { x: this.x };
      }
    }
    const user: User = { name: 'ada' };
    const list: Record<string, unknown> = { list: [1] };
    return withGet(
      (handler) => {
        const refused = [
          // @ts-expect-error: it was not awaited.
          () => handler.write(Promise.resolve('x')),
          // @ts-expect-error: nor was its object.
          () => handler.write(fetchUser()),
          // @ts-expect-error: an array has to be wrapped.
          () => handler.write(['x']),
          // @ts-expect-error: a Map has no JSON.
          () => handler.write(new Map([['a', 1]])),
          // @ts-expect-error: nor has a Set.
          () => handler.write(new Set(['a'])),
          // @ts-expect-error: nor have bytes that are not in a Uint8Array.
          () => handler.write(new ArrayBuffer(1)),
          // @ts-expect-error: it was not called.
          () => handler.write(() => 'x'),
          // @ts-expect-error: a class is no object of it.
          () => handler.write(Point),
          // @ts-expect-error: nothing was written.
          () => handler.write(undefined),
          // @ts-expect-error: as above.
          () => handler.write(null),
          // @ts-expect-error: a number is no text.
          () => handler.write(5),
          // @ts-expect-error: as write.
          () => handler.finish(Promise.resolve('x')),
          // @ts-expect-error: as write.
          () => handler.finish(['x']),
        ];
        for (const write of refused) {
          expect(write).toThrow(expect.objectContaining({ code: 'ERR_WEB_USAGE' }));
        }
        handler.write(user);
        handler.write(new Point());
        handler.write(list);
        handler.write({ literal: 1 });
        handler.finish(user);
      },
      async ({ port, log }) => {
        const sent = '{"name":"ada"}{"x":1}{"list":[1]}{"literal":1}{"name":"ada"}';
        expect(bodyOf(await ask(port, '/'))).toBe(sent);
        expect(log.records).toEqual([]);
      },
    );

    async function fetchUser(): Promise<User> {
      return user;
    }
  });

  it('is refused after the end, which only the log hears of [OUT-03] [OUT-07]', () =>
    withGet(
      (handler) => {
        handler.finish('whole');
        expect(() => handler.finish()).toThrow(expect.objectContaining({ code: 'ERR_WEB_FINISHED' }));
        handler.write('more');
      },
      async (running) => {
        const answers = await converse(
          running.port,
          requestText('/'),
          requestText('/', 'GET', 'Connection: close'),
        );
        expect(statusesOf(answers)).toEqual([200, 200]);
        expect(codesOf(running)).toEqual(['ERR_WEB_FINISHED', 'ERR_WEB_FINISHED']);
      },
    ));
});

describe('flush', () => {
  it('gives other descriptors and timers their turn, however fast the client reads [OUT-04]', async () => {
    const KIB = 1024;
    const chunk = Buffer.alloc(64 * KIB, 'x');
    let written = 0;
    class Endless extends RequestHandler {
      override async get(): Promise<void> {
        while (!this.signal.aborted) {
          this.write(chunk);
          written += chunk.length;
          await this.flush();
        }
      }
    }
    await withApp([['/', Endless]], async ({ port }) => {
      const client = await RawClient.connect(port, requestText('/'));
      let most = 0;
      for (let turns = 0; turns < 16; ) {
        const before = written;
        await new Promise((resolve) => setImmediate(resolve));
        if (written > before) turns += 1;
        most = Math.max(most, written - before);
      }
      expect(most).toBeLessThanOrEqual(1280 * KIB);
      client.reset();
    });
  });

  it('sends the head once, and then pieces as they are written [OUT-04]', () => {
    let goOn = (): void => {};
    return withGet(
      async (handler) => {
        handler.write('one');
        await handler.flush();
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
        handler.write('two');
        await handler.flush();
        expect(() => handler.setHeader('X', '1')).toThrow(
          expect.objectContaining({ code: 'ERR_WEB_HEAD_SENT' }),
        );
        expect(() => handler.setStatus(201)).toThrow(expect.objectContaining({ code: 'ERR_WEB_HEAD_SENT' }));
        expect(() => handler.redirect('/')).toThrow(expect.objectContaining({ code: 'ERR_WEB_HEAD_SENT' }));
        handler.finish('three');
      },
      async ({ port, log }) => {
        const client = await RawClient.connect(port, requestText('/'));
        expect(await client.until('3\r\none\r\n')).not.toContain('two');
        goOn();
        const answer = await client.until('0\r\n\r\n');
        expect(bodyOf(answer)).toBe('3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n');
        expect([headerOf(answer, 'Transfer-Encoding'), headerOf(answer, 'ETag')]).toEqual([
          'chunked',
          undefined,
        ]);
        expect(log.records).toEqual([]);
        client.close();
      },
    );
  });

  it('waits for a slow reader, and so bounds what is kept [OUT-04]', () => {
    let written = 0;
    return withGet(
      async (handler) => {
        for (; written < 64; written += 1) {
          handler.write(Buffer.alloc(1024 * 1024));
          await handler.flush();
        }
      },
      async ({ port }) => {
        const client = await RawClient.connect(port);
        client.socket.pause();
        client.send(requestText('/', 'GET', 'Connection: close'));
        // The writer stops once the socket buffers are full.
        let before = -1;
        while (before !== written || written === 0) {
          before = written;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        expect(written).toBeLessThan(40);
        client.socket.resume();
        expect((await client.untilEnd()).length).toBeGreaterThan(64 * 1024 * 1024);
        expect(written).toBe(64);
      },
    );
  });

  it('sends nothing but heads to HEAD, and the next answer is intact [ATT-15]', () =>
    withGet(
      async (handler) => {
        handler.write('stray');
        await handler.flush();
        handler.write('more');
      },
      async ({ port }) => {
        const answers = await converse(
          port,
          requestText('/', 'HEAD'),
          requestText('/', 'HEAD', 'Connection: close'),
        );
        expect(statusesOf(answers)).toEqual([200, 200]);
        expect(answers).not.toMatch(/stray|more/);
      },
    ));
});

describe('204, 205 and 304', () => {
  it('have no body and no headers of one [OUT-05] [ATT-15]', () =>
    withGet(
      (handler) => handler.setStatus(Number(handler.getArgument('s'))),
      async ({ port }) => {
        for (const status of [204, 304]) {
          const answer = await ask(port, `/?s=${status}`);
          expect(statusOf(answer)).toBe(status);
          expect(answer).not.toMatch(/Content-(Type|Length)|Transfer-Encoding/);
        }
      },
    ));

  it.each([204, 205, 304])(
    'become a 500 when %d was given a body, flushed or not [OUT-05] [ATT-15]',
    (status) =>
      withGet(
        async (handler) => {
          handler.setStatus(status);
          handler.write('stray');
          if (handler.getArgument('flush', '') !== '') await handler.flush();
        },
        async (running) => {
          const last = requestText('/?flush=1', 'GET', 'Connection: close');
          const answers = await converse(running.port, requestText('/'), last);
          expect(statusesOf(answers)).toEqual([500, 500]);
          expect(answers).not.toContain('stray');
          expect(codesOf(running)).toEqual(['ERR_WEB_BODY_FORBIDDEN', 'ERR_WEB_BODY_FORBIDDEN']);
        },
      ),
  );
});

describe('Content-Length', () => {
  it.each(['abc', 'x'.repeat(12)])('that a whole body breaks is a 500 [ATT-16]', (body) =>
    withGet(
      (handler) => {
        handler.setHeader('Content-Length', 10);
        handler.write(body);
      },
      async (running) => {
        expect(statusOf(await ask(running.port, '/'))).toBe(500);
        expect(codesOf(running)).toEqual(['ERR_HTTP1_LENGTH_MISMATCH']);
      },
    ),
  );

  it.each(['abc', 'x'.repeat(12)])('that a flushed body breaks ends the connection [ATT-16]', (body) =>
    withGet(
      async (handler) => {
        handler.setHeader('Content-Length', 10);
        await handler.flush();
        handler.write(body);
      },
      async ({ port }) => {
        const answers = await converse(port, requestText('/'), requestText('/'));
        expect(statusesOf(answers).length).toBeLessThan(2);
        expect(answers).not.toContain(body.length > 10 ? body : 'abcHTTP');
      },
    ),
  );
});

describe('redirect', () => {
  it('is a 302, a 301 or what is asked for [OUT-06]', () =>
    withGet(
      (handler) => {
        const status = handler.getArgument('s', '');
        if (status !== '') handler.redirect('/x', { status: Number(status) });
        else handler.redirect('/ü?a b', { permanent: handler.getArgument('p', '') !== '' });
      },
      async ({ port }) => {
        const plain = await ask(port, '/');
        expect([statusOf(plain), headerOf(plain, 'Location'), bodyOf(plain)]).toEqual([
          302,
          '/%C3%BC?a%20b',
          '',
        ]);
        expect(statusOf(await ask(port, '/?p=1'))).toBe(301);
        expect(statusOf(await ask(port, '/?s=307'))).toBe(307);
        expect(statusOf(await ask(port, '/?s=200'))).toBe(500);
      },
    ));

  it('percent-encodes what no URI has, and keeps escapes (RFC 9110 §10.2.2) [OUT-06]', () =>
    withGet(
      (handler) => handler.redirect('http://example.com/a "b"\t<ü>/%2F%20/100%?q=[1]#x#y'),
      async ({ port }) =>
        expect(headerOf(await ask(port, '/'), 'Location')).toBe(
          'http://example.com/a%20%22b%22%09%3C%C3%BC%3E/%2F%20/100%25?q=%5B1%5D#x%23y',
        ),
    ));

  it.each([undefined, null, 7, new URL('http://example.com/')])(
    'refuses %s, which is no text [OUT-06]',
    (url) =>
      withGet(
        (handler) => handler.redirect(url as never),
        async (running) => {
          const response = await ask(running.port, '/');
          expect([statusOf(response), headerOf(response, 'Location')]).toEqual([500, undefined]);
          expect(codesOf(running)).toEqual(['ERR_WEB_USAGE']);
        },
      ),
  );

  it.each(['/\r\nSet-Cookie: a=1', '/\n', '/\0'])('refuses %j [ATT-35]', (url) =>
    withGet(
      (handler) => handler.redirect(url),
      async ({ port }) => {
        const answer = await ask(port, '/');
        expect([statusOf(answer), headerOf(answer, 'Location'), headerOf(answer, 'Set-Cookie')]).toEqual([
          500,
          undefined,
          undefined,
        ]);
      },
    ),
  );
});

describe('entity tags', () => {
  const body = 'x'.repeat(1_024);

  it('are strong, and made for bodies of 1 KiB and more only [OUT-05]', () =>
    withGet(
      (handler) => handler.write('ä'.repeat(Number(handler.getArgument('n')))),
      async ({ port }) => {
        expect(headerOf(await ask(port, '/?n=511'), 'ETag')).toBeUndefined();
        expect(headerOf(await ask(port, '/?n=512'), 'ETag')).toMatch(/^"[0-9a-f]{40}"$/);
      },
    ));

  it('make a 304 without body for a peer that has the version [OUT-05] [OUT-11]', () =>
    withGet(
      (handler) => {
        handler.setHeader('Cache-Control', 'max-age=1');
        handler.write(body);
      },
      async ({ port }) => {
        const tag = headerOf(await ask(port, '/'), 'ETag') as string;
        for (const method of ['GET', 'HEAD']) {
          const again = await ask(port, '/', method, `If-None-Match: "other", W/${tag}`);
          expect([statusOf(again), bodyOf(again), headerOf(again, 'ETag')]).toEqual([304, '', tag]);
          expect([headerOf(again, 'Cache-Control'), headerOf(again, 'Content-Type')]).toEqual([
            'max-age=1',
            undefined,
          ]);
        }
        expect(statusOf(await ask(port, '/', 'GET', 'If-None-Match: "other"'))).toBe(200);
        expect(statusOf(await ask(port, '/', 'GET', 'If-None-Match: *'))).toBe(304);
      },
    ));

  it('that the handler sets come first, for small bodies too [OUT-11]', () =>
    withGet(
      (handler) => {
        handler.setHeader('ETag', 'W/"v1"');
        handler.write('small');
      },
      async ({ port }) => {
        expect(statusOf(await ask(port, '/', 'GET', 'If-None-Match: "v1"'))).toBe(304);
        expect(headerOf(await ask(port, '/'), 'ETag')).toBe('W/"v1"');
      },
    ));

  it('can be made otherwise, or not at all, by computeEtag [OUT-11]', () => {
    class Own extends RequestHandler {
      override computeEtag(): string | undefined {
        return this.getArgument('tag', undefined);
      }
      override get(): void {
        this.write(body);
      }
      override post(): void {
        this.write(body);
      }
    }
    return withApp([['/', Own]], async ({ port }) => {
      expect(headerOf(await ask(port, '/?tag="own"'), 'ETag')).toBe('"own"');
      expect(headerOf(await ask(port, '/'), 'ETag')).toBeUndefined();
      expect(headerOf(await ask(port, '/?tag="own"', 'POST'), 'ETag')).toBeUndefined();
    });
  });
});
