import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { Topics } from '../../../topics/src/index.ts';
import { RequestHandler } from '../../src/index.ts';
import { allow, nextTurn, openStream, servingLog, until } from '../fixtures/event-streams.ts';
import { PushedLog } from '../fixtures/memory-log.ts';
import { ask, bodyOf, RawClient, requestText } from '../fixtures/raw-client.ts';
import { responsesOf } from '../fixtures/response-stream.ts';
import { signalled, withApp } from '../fixtures/running-application.ts';

const LARGE = `"${'x'.repeat(64 * 1024)}"`;
const COUNT = 400;

/** Waits until a number has not changed for many turns of the event loop. */
async function settled(value: () => number): Promise<number> {
  for (let [idle, last] = [0, value()]; idle < 200; ) {
    await nextTurn();
    idle = value() === last ? idle + 1 : 0;
    last = value();
  }
  return value();
}

const dataLines = (text: string): string[] =>
  [...text.matchAll(/^id: (\S+)\ndata: "x/gm)].map(([, id]) => id ?? '');

describe('the event stream of a log that pushes', () => {
  it('pauses the log while the client does not read, and gets everything later', async () => {
    const log = new PushedLog();
    for (let left = COUNT; left > 0; left -= 1) log.add(LARGE);
    log.finish('deleted');
    await servingLog(log, { after: 'start' }, async ({ port }) => {
      const client = await RawClient.connect(port);
      client.socket.pause();
      client.send(requestText('/', 'GET', 'Connection: close'));
      await until(() => log.delivered > 0);
      expect(await settled(() => log.delivered)).toBeLessThan(COUNT);
      client.socket.resume();
      const [response] = responsesOf(await client.untilEnd());
      expect(response?.isComplete).toBe(true);
      const expected = log.records.map(({ cursor }) => cursor);
      expect(dataLines(response?.body ?? '')).toEqual(expected);
      expect(log.subscriptions.size).toBe(0);
    });
  });

  it('closes the attachment of a client that disconnects without having read', async () => {
    const log = new PushedLog();
    for (let left = COUNT; left > 0; left -= 1) log.add(LARGE);
    await servingLog(log, { after: 'start' }, async ({ port, log: logger }) => {
      const client = await RawClient.connect(port);
      client.socket.pause();
      client.send(requestText('/'));
      await until(() => log.delivered > 0);
      await settled(() => log.delivered);
      client.reset();
      await until(() => log.subscriptions.size === 0);
      expect(log.delivered).toBeLessThan(COUNT);
      expect(logger.records.filter(({ level }) => level !== 'debug')).toEqual([]);
    });
  });

  it('delivers nothing before the stream has started', async () => {
    const log = new PushedLog();
    const asked = signalled();
    const decided = signalled<boolean>();
    const authorize = (): Promise<boolean> => {
      asked.resolve();
      return decided.promise;
    };
    await servingLog(log, { authorize, after: 'start' }, async ({ port }) => {
      const client = await openStream(port);
      await asked.promise;
      log.add('1');
      decided.resolve(true);
      const text = await client.until('data: 1\n\n');
      expect(bodyOf(text)).toContain('id: e.0\nretry: 3000\n\n');
      expect(text.indexOf('retry:')).toBeLessThan(text.indexOf('data: 1'));
      client.close();
    });
  });

  it('sends the same chunk to all clients, and no chunk to a client of HTTP/1.0', async () => {
    const log = new PushedLog();
    await servingLog(log, {}, async ({ port }) => {
      const clients = await Promise.all([openStream(port), openStream(port)]);
      const old = await RawClient.connect(port, 'GET / HTTP/1.0\r\n\r\n');
      for (const client of [...clients, old]) await client.until('retry: 3000\n\n');
      log.add('"é"');
      for (const client of clients) {
        await client.until('\r\n14\r\nid: e.1\ndata: "\xc3\xa9"\n\n\r\n');
        client.close();
      }
      log.finish('deleted');
      expect(bodyOf(await old.untilEnd())).toBe(
        'id: e.0\nretry: 3000\n\nid: e.1\ndata: "\xc3\xa9"\n\nevent: end\nid: e.2\ndata: {"how":"deleted"}\n\n',
      );
    });
  });

  it('is cut and logged if encoding an event fails, and other streams go on', async () => {
    const log = new PushedLog();
    await servingLog(log, { presence: true }, async ({ port, log: logger }) => {
      const client = await openStream(port);
      await client.until('retry');
      log.announce({ joined: 'ada', meta: 1n });
      const [response] = responsesOf(await client.untilEnd());
      expect(response?.isComplete).toBe(false);
      expect(logger.records).toMatchObject([{ level: 'error', error: { name: 'TypeError' } }]);
      expect(log.subscriptions.size).toBe(0);
      const next = await openStream(port);
      await next.until('retry');
      log.announce({ joined: 'bob' });
      await next.until('{"joined":"bob"}');
      next.close();
    });
  });

  it('is cut, and logged, if the log throws', async () => {
    const log = new PushedLog();
    log.attach = async () => ({
      cursor: 'e.0',
      end: undefined,
      resume() {
        throw new RangeError('mine');
      },
      close() {},
    });
    await servingLog(log, {}, async ({ port, log: logger }) => {
      const [response] = responsesOf(await ask(port, '/'));
      expect(response?.isComplete ?? false).toBe(false);
      expect(logger.records).toMatchObject([{ level: 'error', error: { message: 'mine' } }]);
    });
  });

  it('ends with the farewell when the server stops while the client does not read', async () => {
    const log = new PushedLog();
    for (let left = COUNT; left > 0; left -= 1) log.add(LARGE);
    await servingLog(log, { after: 'start' }, async ({ port, server }) => {
      const client = await RawClient.connect(port);
      client.socket.pause();
      client.send(requestText('/'));
      await until(() => log.delivered > 0);
      const delivered = await settled(() => log.delivered);
      const stopped = server.stop();
      await until(() => log.subscriptions.size === 0);
      client.socket.resume();
      const [response] = responsesOf(await client.untilEnd());
      expect(response?.isComplete).toBe(true);
      expect(response?.body.endsWith('\n\nretry: 5500\n\n')).toBe(true);
      expect(dataLines(response?.body ?? '')).toHaveLength(delivered);
      await stopped;
    });
  });

  it('ends in the async context of its request, or none, but not in that of the publisher', async () => {
    const storage = new AsyncLocalStorage<string>();
    const log = new PushedLog();
    const finished = signalled();
    const stores: unknown[] = [];
    class Stream extends RequestHandler {
      override get(): Promise<void> {
        return storage.run('request', async () => {
          await this.eventStream(log, { authorize: allow });
          stores.push(storage.getStore());
        });
      }
      override onFinish(): void {
        stores.push(storage.getStore());
        finished.resolve();
      }
    }
    await withApp([['/', Stream]], async ({ port }) => {
      const client = await openStream(port);
      await client.until('retry');
      storage.run('publisher', () => log.finish('deleted'));
      await finished.promise;
      await nextTurn();
      expect(stores).toEqual([undefined, 'request']);
      client.close();
    });
  });

  it('is awaited by a handler that does something after it', async () => {
    const log = new PushedLog();
    const steps: string[] = [];
    const finished = signalled();
    class Stream extends RequestHandler {
      override async get(): Promise<void> {
        await this.eventStream(log, { authorize: allow });
        steps.push('after');
      }
      override onFinish(): void {
        steps.push('finish');
        finished.resolve();
      }
    }
    await withApp([['/', Stream]], async ({ port }) => {
      const client = await openStream(port);
      await client.until('retry');
      client.reset();
      await finished.promise;
      expect(steps).toEqual(['after', 'finish']);
    });
  });
});

describe('the event stream of a topic', () => {
  it('has each record once and in order, also for a client that reads late', async () => {
    await using topics = new Topics({ maxBytes: 64 * 1024 * 1024 });
    const topic = topics.topic('news');
    class News extends RequestHandler {
      override get(): Promise<void> {
        return this.eventStream(topic, { authorize: allow });
      }
    }
    await withApp([['/', News]], async ({ port }) => {
      const client = await RawClient.connect(port);
      client.send(requestText('/', 'GET', 'Connection: close'));
      await client.until('retry');
      client.socket.pause();
      const cursors: string[] = [];
      for (let left = COUNT; left > 0; left -= 1) cursors.push(await topic.publish('x'.repeat(64 * 1024)));
      client.socket.resume();
      const last = await topic.publish('x');
      cursors.push(last);
      await client.until(`id: ${last}\n`);
      await topics.delete('news');
      expect(dataLines(responsesOf(await client.untilEnd())[0]?.body ?? '')).toEqual(cursors);
    });
  });
});
