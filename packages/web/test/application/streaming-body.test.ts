import { DEFAULT_LIMITS } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { type FinishedRequest, HTTPError, RequestHandler } from '../../src/index.ts';
import { bodyOf, converse, headerOf, RawClient, statusesOf, statusOf } from '../fixtures/raw-client.ts';
import { signalled, withApp } from '../fixtures/running-application.ts';

const head = (length: number, ...fields: readonly string[]): string =>
  ['POST / HTTP/1.1', 'Host: a', `Content-Length: ${length}`, ...fields, '', ''].join('\r\n');

class Streams extends RequestHandler {
  static override readonly streamRequestBody = true;
  protected chunks: string[] = [];

  override dataReceived(chunk: Uint8Array): void | Promise<void> {
    this.chunks.push(Buffer.from(chunk).toString());
  }

  override post(): void {
    this.write({ chunks: this.chunks, body: this.request.body.length });
  }
}

describe('streamRequestBody', () => {
  it('runs prepare at the head, dataReceived per piece, and the verb after the last [RH-05] [RH-04]', async () => {
    const prepared = signalled();
    const heard = signalled();
    class Told extends Streams {
      override prepare(): void {
        prepared.resolve();
      }
      override dataReceived(chunk: Uint8Array): void {
        void super.dataReceived(chunk);
        heard.resolve();
      }
    }
    await withApp([['/', Told]], async ({ port }) => {
      const client = await RawClient.connect(port, head(6));
      await prepared.promise;
      client.send('abc');
      await heard.promise;
      client.send('def');
      expect(bodyOf(await client.until('}'))).toBe('{"chunks":["abc","def"],"body":0}');
      client.close();
    });
  });

  it('holds the body back while prepare or dataReceived wait [RH-05]', async () => {
    const events: string[] = [];
    const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    class Slow extends Streams {
      override async prepare(): Promise<void> {
        await pause();
        events.push('prepared');
      }
      override async dataReceived(chunk: Uint8Array): Promise<void> {
        events.push(`begin ${Buffer.from(chunk)}`);
        await pause();
        events.push(`end ${Buffer.from(chunk)}`);
      }
      override post(): void {
        events.push('post');
      }
    }
    await withApp([['/', Slow]], async ({ port }) => {
      const chunked = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n';
      await converse(port, `${chunked}1\r\na\r\n1\r\nb\r\n0\r\n\r\n`);
      expect(events).toEqual(['prepared', 'begin a', 'end a', 'begin b', 'end b', 'post']);
    });
  });

  it('can be answered in prepare; the connection then ends instead of reading the body [RH-05]', () => {
    class Refuses extends Streams {
      override prepare(): void {
        throw new HTTPError(413);
      }
    }
    return withApp([['/', Refuses]], async ({ port }) => {
      const answer = await converse(port, head(1_000_000, 'Expect: 100-continue'));
      expect([statusesOf(answer), headerOf(answer, 'Connection')]).toEqual([[413], 'close']);
    });
  });

  it.each(['sync', 'async'])(
    'is asked for only if it is within the limit that prepare has set, %s [H1-10] [H1-19]',
    async (how) => {
      const events: string[] = [];
      class Limits extends Streams {
        override prepare(): void | Promise<void> {
          const set = (): void => this.exchange.setMaxBodyBytes(Number(this.getQueryArgument('most')));
          if (how === 'sync') set();
          else return new Promise((resolve) => setImmediate(resolve)).then(set);
        }
        override onConnectionClose(reason: Error): void {
          events.push(`closed ${(reason as { code?: unknown }).code}`);
        }
        override onFinish(): void {
          events.push('finished');
        }
      }
      const logFunction = ({ status }: FinishedRequest): void => void events.push(`logged ${status}`);
      const post = (most: number, length: number): string =>
        head(length, 'Expect: 100-continue', 'Connection: close').replace('/', `/?most=${most}`);
      await withApp(
        [['/', Limits]],
        async ({ port }) => {
          expect(statusesOf(await converse(port, post(5, 6)))).toEqual([413]);
          expect(events.splice(0)).toEqual(['closed ERR_HTTP1_BODY_TOO_LARGE', 'logged 413', 'finished']);
          const client = await RawClient.connect(
            port,
            post(DEFAULT_LIMITS.maxBodyBytes + 1, DEFAULT_LIMITS.maxBodyBytes + 1),
          );
          expect(await client.until('\r\n\r\n')).toBe('HTTP/1.1 100 Continue\r\n\r\n');
          client.close();
          const small = await RawClient.connect(port, post(6, 6));
          await small.until('HTTP/1.1 100 Continue\r\n\r\n');
          small.send('abcdef');
          expect(await small.untilEnd()).toContain('abcdef');
        },
        { logFunction },
      );
    },
  );

  it.each(['sync', 'async'])(
    'is answered when dataReceived fails, %s, and the rest is not heard [RH-05]',
    (how) => {
      let heard = 0;
      class Fails extends Streams {
        override dataReceived(): void | Promise<void> {
          heard += 1;
          if (how === 'async') return Promise.reject(new HTTPError(422));
          throw new HTTPError(422);
        }
        override post(): void {
          heard += 100;
        }
      }
      return withApp([['/', Fails]], async ({ port }) => {
        const client = await RawClient.connect(port, `${head(6)}abc`);
        expect(statusOf(await client.until('422'))).toBe(422);
        client.send('def');
        await client.untilEnd();
        expect(heard).toBe(1);
      });
    },
  );

  it('hears that the peer left midway, and then onFinish; the verb does not run [RH-05]', async () => {
    const events: string[] = [];
    const begun = signalled();
    const finished = signalled();
    class Cut extends Streams {
      override dataReceived(): void {
        begun.resolve();
      }
      override post(): void {
        events.push('post');
      }
      override onConnectionClose(): void {
        events.push('onConnectionClose');
      }
      override onFinish(): void {
        events.push('onFinish');
        finished.resolve();
      }
    }
    await withApp([['/', Cut]], async ({ port, log }) => {
      const client = await RawClient.connect(port, `${head(6)}abc`);
      await begun.promise;
      client.reset();
      await finished.promise;
      expect(events).toEqual(['onConnectionClose', 'onFinish']);
      expect(log.records).toEqual([]);
    });
  });

  it('ends once a prepare that outlives its peer is done', async () => {
    const preparing = signalled();
    const closed = signalled();
    const finished = signalled();
    class Slow extends Streams {
      override async prepare(): Promise<void> {
        preparing.resolve();
        await closed.promise;
      }
      override onConnectionClose(): void {
        closed.resolve();
      }
      override onFinish(): void {
        finished.resolve();
      }
    }
    await withApp([['/', Slow]], async ({ port }) => {
      const client = await RawClient.connect(port, head(6));
      await preparing.promise;
      client.reset();
      await finished.promise;
    });
  });

  it('is 405 for a verb that is not defined', () =>
    withApp([['/', Streams]], async ({ port }) => {
      const answer = await converse(
        port,
        'PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx',
      );
      expect([statusOf(answer), headerOf(answer, 'Allow')]).toEqual([405, 'POST, OPTIONS']);
    }));
});

describe('a handler that does not stream', () => {
  it('is never made for a body that does not come whole', async () => {
    let made = 0;
    class Counts extends RequestHandler {
      readonly count = ++made;
      override post(): void {}
    }
    await withApp([['/', Counts]], async ({ server, port }) => {
      const client = await RawClient.connect(port, `${head(6)}abc`);
      while (server.connectionCount === 0) await new Promise((resolve) => setImmediate(resolve));
      client.reset();
      while (server.connectionCount > 0) await new Promise((resolve) => setImmediate(resolve));
      expect(made).toBe(0);
    });
  });
});
