import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { HTTPError, RequestHandler } from '../../src/index.ts';
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

class Fails extends RequestHandler {
  override get(): void {
    this.setHeader('X-Before', '1');
    this.write('half');
    const status = this.getArgument('s', '');
    if (status === '') throw new Error('a bug\r\n[E] forged \u001b[2J');
    throw new HTTPError(Number(status), this.getArgument('m', undefined), {
      reason: this.getArgument('r', '') || 'Refused',
    });
  }

  override async post(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.get();
  }
}

describe('an error of a handler', () => {
  it('becomes a small page in place of what was written, and one record with its stack [OUT-07] [OUT-08]', () =>
    withApp([['/', Fails]], async ({ port, log }) => {
      for (const method of ['GET', 'POST']) {
        const answer = await ask(port, '/', method);
        expect([statusOf(answer), headerOf(answer, 'X-Before')]).toEqual([500, undefined]);
        expect(bodyOf(answer)).toContain('500: Internal Server Error');
        expect(answer).not.toMatch(/half|a bug/);
      }
      expect(log.records.map(({ level }) => level)).toEqual(['error', 'error']);
      expect(log.records[0]?.error).toBeInstanceOf(Error);
      expect(log.records[0]?.message).toMatch(/^uncaught exception: GET \/ \(127\.0\.0\.1\)$/);
    }));

  it('may say a status, and is logged as a warning only if it says why [OUT-08] [ATT-40]', () =>
    withApp([['/', Fails]], async ({ port, log }) => {
      expect(statusOf(await ask(port, '/?s=403'))).toBe(403);
      expect(log.records).toEqual([]);
      expect(statusOf(await ask(port, '/?s=403&m=line%0Aforged%C2%9B'))).toBe(403);
      expect(log.records.map(({ level, message }) => [level, message])).toEqual([
        ['warn', '403 Refused: line\\x0aforged\\x9b: GET /?s=403&m=line%0Aforged%C2%9B (127.0.0.1)'],
      ]);
    }));

  it('is one record a minute of each status below 500, with the count [OUT-08]', async () => {
    const clock = new VirtualClock();
    const test = async ({ port, server, log }: Running): Promise<void> => {
      const written = () => log.records.map(({ message }) => message);
      for (let i = 0; i < 10; i += 1) await ask(port, '/?s=403&m=no');
      for (let i = 0; i < 3; i += 1) await ask(port, '/?s=404&m=none');
      expect(written()).toEqual([
        '403 Refused: no: GET /?s=403&m=no (127.0.0.1)',
        '404 Refused: none: GET /?s=404&m=none (127.0.0.1)',
      ]);
      await clock.advance(60_000);
      expect(written().slice(2)).toEqual([
        '403 Refused: no: GET /?s=403&m=no (127.0.0.1) (9 times within 60 s)',
        '404 Refused: none: GET /?s=404&m=none (127.0.0.1) (2 times within 60 s)',
      ]);
      // Errors of the server are not counted together, and a flood of others does not hide them.
      for (let i = 0; i < 2; i += 1) await ask(port, '/?s=503&m=full');
      expect(log.records).toHaveLength(6);
      await ask(port, '/?s=403&m=last');
      expect(log.records).toHaveLength(6);
      await server.stop();
      expect(log.records.at(-1)?.message).toMatch(/^403 Refused: last: /);
      expect(clock.pending).toBe(0);
    };
    await withApp([['/', Fails]], test, { clock });
  });

  it('is a record each time with the debug setting [OUT-08]', () =>
    withApp(
      [['/', Fails]],
      async ({ port, log }) => {
        for (let i = 0; i < 3; i += 1) await ask(port, '/?s=403&m=no');
        expect(log.records.filter(({ message }) => message.startsWith('403 Refused'))).toHaveLength(3);
      },
      { debug: true },
    ));

  it('shows its reason escaped, and never a dangerous one on the wire [ATT-36]', () =>
    withApp([['/', Fails]], async ({ port }) => {
      const answer = await ask(port, '/?s=400&r=%3Cscript%3Ealert(%22%26%27)%3C/script%3E');
      expect(answer).not.toContain('<script');
      expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
      expect(bodyOf(answer)).toContain('&lt;script&gt;alert(&quot;&amp;&#39;)');
    }));

  it('shows its stack as text where the settings say so [OUT-08] [APP-04]', async () => {
    for (const settings of [{ debug: true }, { serveTraceback: true }]) {
      await withApp(
        [['/', Fails]],
        async ({ port }) => {
          const answer = await ask(port, '/');
          expect(headerOf(answer, 'Content-Type')).toBe('text/plain; charset=UTF-8');
          expect(bodyOf(answer)).toMatch(/^Error: a bug[\s\S]*errors\.test/);
        },
        settings,
      );
    }
    await withApp([['/', Fails]], async ({ port }) => expect(await ask(port, '/')).not.toContain('a bug'), {
      debug: true,
      serveTraceback: false,
    });
  });

  it('after the first flush cuts the connection, so that it is not taken for a whole response [ATT-72]', () => {
    class Cut extends RequestHandler {
      override async get(): Promise<void> {
        this.write('half');
        await this.flush();
        throw new Error('midway');
      }
      override post(): void {
        void this.flush();
        this.sendError(503);
      }
    }
    return withApp([['/', Cut]], async ({ port, url, log }) => {
      const answers = await converse(port, requestText('/'), requestText('/'));
      expect(statusesOf(answers).length).toBeLessThan(2);
      expect(answers).not.toContain('0\r\n\r\n');
      await expect(fetch(url).then((answer) => answer.text())).rejects.toThrow();
      await expect(fetch(url, { method: 'POST' }).then((answer) => answer.text())).rejects.toThrow();
      expect(log.records.map(({ error }) => (error as Error).message)).toEqual(['midway', 'midway']);
    });
  });

  it('after the end is only logged [OUT-07]', () => {
    class Late extends RequestHandler {
      override async get(): Promise<void> {
        this.finish('whole');
        await Promise.resolve();
        throw new Error('late');
      }
    }
    return withApp([['/', Late]], async ({ port, log }) => {
      const answers = await converse(port, requestText('/'), requestText('/', 'GET', 'Connection: close'));
      expect([statusesOf(answers), answers.match(/whole/g)?.length]).toEqual([[200, 200], 2]);
      expect(log.records).toHaveLength(2);
    });
  });

  it.each([undefined, null, 'text', 0, { status: 404 }, Object.create(null)])(
    'may be anything that can be thrown: %s',
    (thrown) => {
      class Throws extends RequestHandler {
        override get(): void {
          throw thrown;
        }
        override post(): Promise<void> {
          return Promise.reject(thrown);
        }
      }
      return withApp([['/', Throws]], async ({ port }) => {
        expect(statusOf(await ask(port, '/'))).toBe(500);
        expect(statusOf(await ask(port, '/', 'POST'))).toBe(500);
      });
    },
  );
});

describe('sendError', () => {
  it('can be called by a handler [OUT-07]', () => {
    class Sends extends RequestHandler {
      override get(): void {
        this.write('dropped');
        this.sendError(404);
      }
    }
    return withApp([['/', Sends]], async ({ port, log }) => {
      const answer = await ask(port, '/');
      expect([statusOf(answer), answer.includes('dropped')]).toEqual([404, false]);
      expect(log.records).toEqual([]);
    });
  });

  it('sends headers that the error carries, over the default ones', () => {
    class Busy extends RequestHandler {
      override get(): void {
        throw new HTTPError(503, undefined, {
          headers: [
            ['Retry-After', '5'],
            ['Content-Type', 'text/x'],
            ['X', '1'],
            ['X', '2'],
          ],
        });
      }
    }
    return withApp([['/', Busy]], async ({ port }) => {
      const answer = await ask(port, '/');
      expect([headerOf(answer, 'Retry-After'), headerOf(answer, 'Content-Type')]).toEqual(['5', 'text/x']);
      expect(answer).toContain('X: 1\r\nX: 2\r\n');
    });
  });
});

describe('writeError', () => {
  class Designed extends RequestHandler {
    override get(): void {
      throw new HTTPError(418);
    }
    override writeError(status: number): void | Promise<void> {
      switch (this.getArgument('how')) {
        case 'sync':
          this.write({ error: status });
          return;
        case 'async':
          return Promise.resolve().then(() => this.finish(`later ${status}`));
        case 'rejects':
          return Promise.reject(new Error('no page'));
        default:
          throw new Error('no page');
      }
    }
  }

  it('makes another page, also with a promise [OUT-07]', () =>
    withApp([['/', Designed]], async ({ port }) => {
      const sync = await ask(port, '/?how=sync');
      expect([statusOf(sync), bodyOf(sync)]).toEqual([418, '{"error":418}']);
      expect(bodyOf(await ask(port, '/?how=async'))).toBe('later 418');
    }));

  it('that fails itself leaves a plain 500 [OUT-07]', () =>
    withApp([['/', Designed]], async ({ port, log }) => {
      for (const how of ['throws', 'rejects']) {
        const answer = await ask(port, `/?how=${how}`);
        expect([statusOf(answer), bodyOf(answer)]).toEqual([
          500,
          expect.stringContaining('<title>500: Internal Server Error<'),
        ]);
      }
      expect(log.records.map(({ error }) => (error as Error).message)).toEqual(['no page', 'no page']);
    }));
});

describe('HTTPError', () => {
  it.each([399, 200, 600, Number.NaN])('cannot say %d', (status) => {
    expect(() => new HTTPError(status)).toThrow(expect.objectContaining({ code: 'ERR_WEB_USAGE' }));
  });
});

describe('a handler that never answers', () => {
  it('holds only its own connection', () => {
    class Never extends RequestHandler {
      override get(): Promise<void> {
        return new Promise(() => {});
      }
    }
    return withApp(
      [
        ['/never', Never],
        ['/', Fails],
      ],
      async ({ port }) => {
        const stuck = await RawClient.connect(port, requestText('/never'));
        expect(statusOf(await ask(port, '/?s=404'))).toBe(404);
        expect(stuck.received).toBe('');
        stuck.close();
      },
    );
  });
});

describe('a handler that fails after its response', () => {
  const mistakes: Record<string, (handler: RequestHandler) => void> = {
    throws: () => {
      throw new Error('too late');
    },
    'finishes twice': (handler) => handler.finish('again'),
    'writes after the end': (handler) => handler.write('again'),
    'sends an error page': (handler) => handler.sendError(500),
    'asks for a broken argument': (handler) => void handler.getArgument('a'),
  };

  it.each(Object.entries(mistakes))(
    'and %s, does not keep pipelined requests waiting',
    async (how, mistake) => {
      class Late extends RequestHandler<'/:name'> {
        override get(): void {
          this.finish(`served ${this.pathParams.name};`);
          mistake(this);
        }
      }
      await withApp([['/:name', Late]], async ({ port, log }) => {
        const client = await RawClient.connect(
          port,
          ['/1?a=%', '/2?a=%', '/3?a=%'].map((t) => requestText(t)).join(''),
        );
        const answers = await client.until('served 3;');
        expect(statusesOf(answers)).toEqual([200, 200, 200]);
        expect(answers).not.toContain('again');
        // Mistakes of clients are counted after the first.
        expect(log.records).toHaveLength(how === 'asks for a broken argument' ? 1 : 3);
        client.close();
      });
    },
  );

  it('in onFinish or logFunction, does not keep pipelined requests waiting', async () => {
    class Late extends RequestHandler<'/:name'> {
      override get(): void {
        this.write(`served ${this.pathParams.name};`);
      }
      override onFinish(): void {
        throw new Error('too late');
      }
    }
    const logFunction = (): void => {
      throw new Error('the log is full');
    };
    await withApp(
      [['/:name', Late]],
      async ({ port, log }) => {
        const client = await RawClient.connect(port, ['/1', '/2', '/3'].map((t) => requestText(t)).join(''));
        expect(statusesOf(await client.until('served 3;'))).toEqual([200, 200, 200]);
        const messages = log.records.map(({ error }) => (error as Error).message);
        expect(messages).toEqual(Array.from({ length: 3 }, () => ['the log is full', 'too late']).flat());
        client.close();
      },
      { logFunction },
    );
  });

  it('gets the error itself if it writes in a later turn', async () => {
    const codes: unknown[] = [];
    class Late extends RequestHandler<'/:name'> {
      override get(): void {
        this.finish(`served ${this.pathParams.name};`);
        setImmediate(() => {
          try {
            this.write('again');
          } catch (error) {
            codes.push((error as { code: unknown }).code);
          }
        });
      }
    }
    await withApp([['/:name', Late]], async ({ port, log }) => {
      const client = await RawClient.connect(port, requestText('/1') + requestText('/2'));
      await client.until('served 2;');
      client.send(requestText('/3'));
      expect(await client.until('served 3;')).not.toContain('again');
      client.close();
      expect(codes.slice(0, 2)).toEqual(['ERR_WEB_FINISHED', 'ERR_WEB_FINISHED']);
      expect(log.records).toEqual([]);
    });
  });
});
