import { describe, expect, it } from 'vitest';
import { Application, HTTPError, RequestHandler, type RequestIdOptions, requestId } from '../../src/index.ts';
import { ask, bodyOf, headerOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

class Shows extends RequestHandler {
  override get(): void {
    this.write(`${this.state.requestId} ${this.request.id}`);
  }

  override post(): void {
    throw new Error('broken');
  }

  override put(): void {
    throw new HTTPError(409, 'stale');
  }
}

const numbered = () => {
  let count = 0;
  return (): string => {
    count += 1;
    return `id-${count}`;
  };
};

/** The ids of responses to requests with these headers. */
async function idsOf(options: RequestIdOptions, ...requests: readonly (readonly string[])[]) {
  const ids: (string | undefined)[] = [];
  await withApp(
    [['/', Shows]],
    async ({ port }) => {
      for (const fields of requests) {
        const response = await ask(port, '/', 'GET', ...fields);
        const id = headerOf(response, 'X-Request-Id');
        expect(bodyOf(response)).toBe(`${id} ${id}`);
        ids.push(id);
      }
    },
    { middleware: [requestId(options)] },
  );
  return ids;
}

describe('requestId', () => {
  it('makes an id for each request, and ignores that of the client', async () => {
    const [first, second] = await idsOf({}, ['X-Request-Id: mine'], []);
    expect(first).toMatch(UUID);
    expect(second).toMatch(UUID);
    expect(first).not.toBe(second);
  });

  it('uses an id of a trusted request, from the first header that has a valid one', async () => {
    const options = { trust: true, headers: ['X-Trace', 'X-Request-Id'], generate: numbered() };
    expect(
      await idsOf(
        options,
        ['X-Request-Id: b-2'],
        ['X-Request-Id: b', 'X-Trace: Root=1-67891233-abcdef/0.1+2:3@4~5_6'],
        ['X-Request-Id: b', 'X-Trace: not valid'],
        [],
      ),
    ).toEqual(['b-2', 'Root=1-67891233-abcdef/0.1+2:3@4~5_6', 'b', 'id-1']);
  });

  it('makes a new id instead of an invalid one', async () => {
    const invalid = ['a b', 'a"b', 'a;b', '-a', '', 'a\x80', 'ä', '[31m', 'a'.repeat(129)].map((id) => [
      `X-Request-Id: ${id}`,
    ]);
    const twice = ['X-Request-Id: a', 'X-Request-Id: b'];
    const ids = await idsOf({ trust: true, generate: numbered() }, ...invalid, twice, [
      `X-Request-Id: ${'a'.repeat(128)}`,
    ]);
    expect(ids).toEqual([...Array.from({ length: 10 }, (_, at) => `id-${at + 1}`), 'a'.repeat(128)]);
  });

  it('asks a function which requests to trust', async () => {
    const options: RequestIdOptions = {
      trust: ({ request }) => request.headers.get('X-Secret') === 'proxy',
      generate: numbered(),
    };
    expect(await idsOf(options, ['X-Request-Id: a', 'X-Secret: proxy'], ['X-Request-Id: a'])).toEqual([
      'a',
      'id-1',
    ]);
  });

  it('is in error pages and in their log records', async () => {
    await withApp(
      [['/', Shows]],
      async ({ port, log }) => {
        const responses = [
          await ask(port, '/', 'POST'),
          await ask(port, '/', 'PUT'),
          await ask(port, '/nowhere'),
        ];
        expect(responses.map((response) => [statusOf(response), headerOf(response, 'X-Id')])).toEqual([
          [500, 'id-1'],
          [409, 'id-2'],
          [404, 'id-3'],
        ]);
        expect(log.records.map(({ details }) => details.requestId)).toEqual(['id-1', 'id-2']);
      },
      { middleware: [requestId({ generate: numbered(), responseHeader: 'X-Id' })], debug: false },
    );
  });

  it('keeps the id that a request already has', async () => {
    await withApp(
      [['/', Shows, {}, { middleware: [requestId({ generate: () => 'inner' })] }]],
      async ({ port }) => expect(headerOf(await ask(port, '/'), 'X-Request-Id')).toBe('outer'),
      { middleware: [requestId({ generate: () => 'outer', responseHeader: false })] },
    );
  });

  it('refuses invalid options when it is made, and invalid ids when they are', async () => {
    const wrong: [unknown, string][] = [
      [{ trust: 'yes' }, 'trust must be true, false or a function'],
      [{ headers: [] }, 'headers must be a list of header names'],
      [{ headers: ['X Y'] }, 'headers must be a list of header names'],
      [{ responseHeader: 'X:' }, 'responseHeader must be a header name or false'],
      [{ generate: 'uuid' }, 'generate: a function'],
      [{ header: 'X-Id' }, 'did you mean "headers"?'],
    ];
    for (const [options, message] of wrong) {
      expect(() => requestId(options as RequestIdOptions), message).toThrow(message);
    }
    for (const options of [{ generate: () => 'a\r\nb' }, { trust: (async () => false) as never }]) {
      await withApp(
        [['/', Shows]],
        async ({ port, log }) => {
          expect(statusOf(await ask(port, '/'))).toBe(500);
          expect(String(log.records[0]?.error)).toMatch(/(generate|trust) must return/);
        },
        { middleware: [requestId(options)] },
      );
    }
    expect(new Application([['/', Shows]], { middleware: [requestId()] })).toBeDefined();
  });
});
