import { describe, expect, it } from 'vitest';
import { openStream, servingLog } from '../fixtures/event-streams.ts';
import { LOGS, LogError, type MemoryLog } from '../fixtures/memory-log.ts';
import { ask, bodyOf, headerOf, statusOf } from '../fixtures/raw-client.ts';
import { responsesOf } from '../fixtures/response-stream.ts';

describe.each(LOGS)('the event stream of a topic, of a log that %s', (_, Log) => {
  it('begins with an id and the time to connect again, and has an id and data for each record', async () => {
    const log = new Log();
    log.add('"old"');
    await servingLog(log, {}, async ({ port }) => {
      const client = await openStream(port, '/', 'Connection: close');
      await client.until('id: e.1\nretry: 3000\n\n');
      log.add('{"a":"ü"}');
      log.add('{\n"b":1}');
      log.finish('deleted');
      const [response] = responsesOf(await client.untilEnd());
      expect(response?.isComplete).toBe(true);
      expect(Buffer.from(response?.body ?? '', 'latin1').toString()).toBe(
        'id: e.1\nretry: 3000\n\nid: e.2\ndata: {"a":"ü"}\n\nid: e.3\ndata: {\ndata: "b":1}\n\n' +
          'event: end\nid: e.4\ndata: {"how":"deleted"}\n\n',
      );
    });
  });

  it('has headers that keep caches and proxies from holding it back', async () => {
    await servingLog(new Log(), { headers: { 'X-Own': 'yes' } }, async ({ port }) => {
      const client = await openStream(port);
      const answer = await client.until('\n\n', 'retry');
      client.close();
      expect(statusOf(answer)).toBe(200);
      expect(headerOf(answer, 'Content-Type')).toBe('text/event-stream');
      expect(headerOf(answer, 'Cache-Control')).toBe('no-store');
      expect(headerOf(answer, 'X-Accel-Buffering')).toBe('no');
      expect(headerOf(answer, 'X-Own')).toBe('yes');
    });
  });

  it('sends bytes in base64, presence without an id, and the end with what it says', async () => {
    const log = new Log();
    await servingLog(log, { presence: true }, async ({ port }) => {
      const client = await openStream(port);
      await client.until('id: e.0\n');
      log.add(new Uint8Array([0, 255, 10, 13]));
      log.announce({ members: [{ member: 'ada', meta: { a: 1 } }] });
      log.announce({ joined: 'bob' });
      log.announce({ left: 'ada' });
      log.finish('failed', { error: { code: 'ERR_RUN_FAILED', message: 'no' } });
      const answer = await client.until('event: end');
      const texts = [
        'event: bytes\nid: e.1\ndata: AP8KDQ==\n\n',
        'event: presence\ndata: {"members":[{"member":"ada","meta":{"a":1}}]}\n\n',
        'event: presence\ndata: {"joined":"bob"}\n\n',
        'event: presence\ndata: {"left":"ada"}\n\n',
        'event: end\nid: e.2\ndata: {"how":"failed","error":{"code":"ERR_RUN_FAILED","message":"no"}}\n\n',
      ];
      for (const text of texts) expect(answer).toContain(text);
      client.close();
    });
  });
});

describe.each(LOGS)('where an event stream begins, of a log that %s', (_, Log) => {
  const logOfFour = (): MemoryLog => {
    const log = new Log('news', 'e', 3);
    for (const text of ['1', '2', '3', '4']) log.add(text);
    return log;
  };

  /** The data of the stream up to a record that is published when it is open. */
  async function received(target: string, ...fields: readonly string[]): Promise<string[]> {
    const log = logOfFour();
    let data: string[] = [];
    await servingLog(log, {}, async ({ port }) => {
      const client = await openStream(port, target, ...fields);
      await client.until('retry: 3000\n\n');
      log.add('"last"');
      const answer = await client.until('data: "last"');
      data = [...answer.matchAll(/^(?:event: gap\nid: (\S+)\n)?data: (.*)$/gm)].map(
        (found) => found[2] ?? '',
      );
      client.close();
    });
    return data;
  }

  it.each([
    ['/', [], ['"last"']],
    ['/?after=now', [], ['"last"']],
    ['/?after=start', [], ['2', '3', '4', '"last"']],
    ['/?after=e.3', [], ['4', '"last"']],
    ['/?last=2', [], ['3', '4', '"last"']],
    ['/?after=e.4&last=3', [], ['"last"']],
    ['/?after=e.2', ['Last-Event-ID: e.4'], ['"last"']],
    ['/?after=garbage!', ['Last-Event-ID: e.3'], ['4', '"last"']],
    ['/?after=e.3', ['Last-Event-ID: '], ['4', '"last"']],
  ])('is what the request %s with %j says', async (target, fields, expected) => {
    expect(await received(target, ...fields)).toEqual(expected);
  });

  it.each([
    ['/?after=f.2', [], 'reset'],
    ['/?after=e.0', [], 'trimmed'],
    ['/?after=e.9', [], 'future'],
    ['/', ['Last-Event-ID: no cursor at all'], 'reset'],
    ['/', ['Last-Event-ID: \xe2\x82\xac'], 'reset'],
  ])('is a gap for %s with %j: %s', async (target, fields, reason) => {
    const [first, ...rest] = await received(target, ...fields);
    expect(first).toBe(`{"reason":"${reason}","cursor":"e.1"}`);
    expect(rest).toEqual(['2', '3', '4', '"last"']);
  });

  it.each(['/?after=', '/?after=no+cursor', '/?last=-1', '/?last=x', '/?last='])(
    'is refused with a 400 for %s',
    async (target) => {
      await servingLog(logOfFour(), {}, async ({ port, log }) => {
        expect(statusOf(await ask(port, target))).toBe(400);
        expect(log.records.filter(({ level }) => level === 'error')).toEqual([]);
      });
    },
  );

  it('is by default the option, and for a run its start', async () => {
    const log = logOfFour();
    log.finish('finished');
    await servingLog(log, { after: 'e.3' }, async ({ port }) => {
      expect(await ask(port, '/')).toContain('id: e.3\nretry');
    });
    await servingLog(log, { last: 2 }, async ({ port }) => {
      expect(await ask(port, '/')).toContain('id: e.2\nretry');
    });
    await servingLog(log, { action: 'read' }, async ({ port }) => {
      expect(await ask(port, '/')).toContain('id: e.1\nretry');
    });
  });
});

describe.each(LOGS)('a run that has ended, of a log that %s', (_, Log) => {
  const ended = (): MemoryLog => {
    const log = new Log('run');
    log.add('"token"');
    log.finish('finished', { result: 42 });
    return log;
  };

  it('is sent whole, with its result', async () => {
    await servingLog(ended(), { action: 'read' }, async ({ port }) => {
      const [response] = responsesOf(await ask(port, '/'));
      expect(response?.body).toBe(
        'id: e.0\nretry: 3000\n\nid: e.1\ndata: "token"\n\nevent: end\nid: e.2\ndata: {"how":"finished","result":42}\n\n',
      );
      expect(response?.isComplete).toBe(true);
    });
  });

  it.each([
    ['/', 'Last-Event-ID: e.2'],
    ['/?after=e.2', 'X-Nothing: x'],
  ])('is a 204 for a client that has read its end: %s, %s', async (target, field) => {
    const log = ended();
    await servingLog(log, { action: 'read' }, async ({ port }) => {
      const answer = await ask(port, target, 'GET', field);
      expect(statusOf(answer)).toBe(204);
      expect(bodyOf(answer)).toBe('');
      expect(log.subscriptions.size).toBe(0);
    });
  });

  it('is sent to a client that has not read its end', async () => {
    await servingLog(ended(), { action: 'read' }, async ({ port }) => {
      const answer = await ask(port, '/', 'GET', 'Last-Event-ID: e.1');
      expect(statusOf(answer)).toBe(200);
      expect(answer).toContain('event: end');
      expect(answer).not.toContain('token');
    });
  });

  it('is a 404 if there is none', async () => {
    const log = new Log('run');
    log.failure = new LogError('ERR_RUN_NOT_FOUND', 'no such run');
    await servingLog(log, { action: 'read' }, async ({ port, log: logger }) => {
      expect(statusOf(await ask(port, '/'))).toBe(404);
      expect(logger.records).toEqual([]);
    });
  });
});

describe.each(LOGS)('a topic whose log fails, of a log that %s', (_, Log) => {
  it.each(['ERR_TOPICS_UNAVAILABLE', 'ERR_TOPICS_BUSY'])(
    'gives an empty stream with a retry for %s, because EventSource would give up after a 503',
    async (code) => {
      const log = new Log();
      log.failure = new LogError(code, 'away');
      await servingLog(log, {}, async ({ port, log: logger }) => {
        const [response] = responsesOf(await ask(port, '/'));
        expect(response).toMatchObject({ status: 200, body: 'retry: 5500\n\n', isComplete: true });
        expect(response?.headers.get('content-type')).toBe('text/event-stream');
        expect(logger.records).toMatchObject([{ level: 'warn', error: { code } }]);
      });
    },
  );

  it('is a 500 for any other error, which is logged', async () => {
    const log = new Log();
    log.failure = new RangeError('a bug');
    await servingLog(log, {}, async ({ port, log: logger }) => {
      expect(statusOf(await ask(port, '/'))).toBe(500);
      expect(logger.records).toMatchObject([{ level: 'error', error: { message: 'a bug' } }]);
    });
  });
});

describe.each(LOGS)('HEAD of an event stream, of a log that %s', (_, Log) => {
  it('has the headers of GET, and reads nothing', async () => {
    const log = new Log();
    await servingLog(log, {}, async ({ port }) => {
      const answer = await ask(port, '/', 'HEAD');
      expect(statusOf(answer)).toBe(200);
      expect(headerOf(answer, 'Content-Type')).toBe('text/event-stream');
      expect(headerOf(answer, 'Content-Length')).toBeUndefined();
      expect(bodyOf(answer)).toBe('');
      expect(log.subscriptions.size).toBe(0);
    });
  });
});
