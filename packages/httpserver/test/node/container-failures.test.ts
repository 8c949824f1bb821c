import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { NodeContainer, type NodeHandler } from '../../src/node/index.ts';
import { converse, RawClient, statusLines } from '../fixtures/raw-client.ts';
import { type RunningServer, waitUntil, withServer } from '../fixtures/running-server.ts';

const GET = 'GET /a?b=c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

interface Served {
  readonly received: string;
  readonly records: { readonly level: string; readonly message: string; readonly error: unknown }[];
}

/** Serves one request; the records are those of the container. */
async function serve(handler: NodeHandler, text = GET): Promise<Served> {
  const records: Served['records'] = [];
  let received = '';
  await withServer(new NodeContainer(handler, { logger: loggerOf(records) }), async ({ port }) => {
    received = await converse(port, text);
  });
  return { received, records };
}

function loggerOf(records: RunningServer['records']): {
  readonly [Level in 'debug' | 'info' | 'warn' | 'error']: (details: object, message: string) => void;
} {
  const at = (level: string) => (details: object, message: string) =>
    void records.push({ level, message, error: (details as { error?: unknown }).error });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

const failure = new Error('a secret detail');
const failing: Record<string, NodeHandler> = {
  throws() {
    throw failure;
  },
  rejects: () => Promise.reject(failure),
  async 'rejects later'(request) {
    for await (const _chunk of request);
    throw failure;
  },
  'passes the error on': (_request, _response, next) => next(failure),
};

describe('a handler that fails', () => {
  it.each(Object.entries(failing))(
    'before its response (%s) is a 500 and one record',
    async (_how, handler) => {
      const { received, records } = await serve(handler);
      expect(received).toMatch(/^HTTP\/1\.1 500 Internal Server Error\r\n/);
      expect(received).not.toContain('secret');
      expect(records).toEqual([{ level: 'error', message: 'handling a request failed', error: failure }]);
    },
  );

  it.each(Object.entries(failing))('in its response (%s) cuts the response', async (_how, handler) => {
    const records: RunningServer['records'] = [];
    const begun: NodeHandler = (request, response, next) => {
      response.write('begun');
      return handler(request, response, next);
    };
    await withServer(new NodeContainer(begun, { logger: loggerOf(records) }), async ({ port }) => {
      const client = await RawClient.connect({ port }, GET);
      expect(await client.untilEnd()).not.toContain('\r\n0\r\n');
      await waitUntil(() => records.length > 0);
      expect(records).toEqual([{ level: 'error', message: 'handling a request failed', error: failure }]);
    });
  });

  it.each(Object.entries(failing))('after its response (%s) is one record only', async (_how, handler) => {
    const { received, records } = await serve((request, response, next) => {
      response.end('done');
      return handler(request, response, next);
    });
    expect(received).toMatch(/^HTTP\/1\.1 200 [\s\S]*done$/);
    expect(records).toEqual([{ level: 'error', message: 'handling a request failed', error: failure }]);
  });

  it.each<[number, NodeHandler]>([
    [
      500,
      () => {
        throw failure;
      },
    ],
    [404, (_request, _response, next) => next()],
  ])(
    'keeps the header fields that were set in its %i, without those of the content',
    async (status, fails) => {
      const { received } = await serve((request, response, next) => {
        response.setHeader('Content-Length', '100');
        response.setHeader('Content-Encoding', 'br');
        response.setHeader('ETag', '"a"');
        response.setHeader('Access-Control-Allow-Origin', '*');
        return fails(request, response, next);
      });
      expect(received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(received).toMatch(/\r\naccess-control-allow-origin: \*\r\n/i);
      expect(received).not.toMatch(/length: 100|content-encoding|etag/i);
    },
  );

  it('is logged with the method, the target and the client of its request', async () => {
    const details: unknown[] = [];
    const logger = { ...loggerOf([]), error: (record: object) => void details.push(record) };
    const container = new NodeContainer(() => Promise.reject(failure), { logger });
    await withServer(container, async ({ port }) => {
      await converse(port, GET);
      const peer = expect.objectContaining({ address: '127.0.0.1' });
      expect(details).toEqual([{ error: failure, method: 'GET', target: '"/a?b=c"', peer }]);
    });
  });

  it('leaves the connection to other requests', () =>
    withServer(
      new NodeContainer(
        (request, response) => {
          if (request.url === '/bad') throw failure;
          response.end('fine');
        },
        { logger: loggerOf([]) },
      ),
      async ({ port }) => {
        const client = await RawClient.connect({ port }, 'GET /bad HTTP/1.1\r\nHost: a\r\n\r\n');
        await client.until((text) => text.includes('Error\n'));
        client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        expect(statusLines(await client.until((text) => text.endsWith('fine')))).toHaveLength(2);
        client.close();
      },
    ));

  it('is not an error if it gives up because its client left', async () => {
    const records: RunningServer['records'] = [];
    const handler: NodeHandler = async (request) => {
      for await (const _chunk of request);
    };
    await withServer(new NodeContainer(handler, { logger: loggerOf(records) }), async ({ port }) => {
      const client = await RawClient.connect({ port });
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\nhello');
      await waitUntil(() => client.socket.bytesWritten > 0);
      await new Promise((resolve) => setImmediate(resolve));
      client.reset();
      await waitUntil(() => records.length > 0);
      expect(records.map(({ level }) => level)).toEqual(['debug']);
    });
  });
});

describe('next', () => {
  it('is a 404 without an error', async () => {
    const { received, records } = await serve((_request, _response, next) => next());
    expect(received).toMatch(/^HTTP\/1\.1 404 Not Found\r\n[\s\S]*Cannot GET \/a\n$/);
    expect(records).toEqual([]);
  });

  it.each([
    [{ status: 403 }, 403, 0],
    [{ statusCode: 422 }, 422, 0],
    [{ status: 200 }, 500, 1],
    [{ status: 503 }, 503, 1],
    ['text', 500, 1],
  ])('with the error %j has the status %i', async (error, status, count) => {
    const { received, records } = await serve((_request, _response, next) => next(error));
    expect(received.startsWith(`HTTP/1.1 ${status} `)).toBe(true);
    expect(records).toHaveLength(count);
  });

  it('sends the header fields of the error', async () => {
    const error = Object.assign(new Error('slow down'), { status: 429, headers: { 'Retry-After': '5' } });
    const { received } = await serve((_request, _response, next) => next(error));
    expect(received).toContain('\r\nRetry-After: 5\r\n');
  });
});

describe('a handler that returns without a response', () => {
  it('may respond later', async () => {
    const { received } = await serve((_request, response) => {
      setImmediate(() => setImmediate(() => response.end('late')));
    });
    expect(received).toMatch(/late$/);
  });

  it('may respond after the client has ended its side, with halfOpen', async () => {
    let respond!: () => void;
    const handler: NodeHandler = (_request, response) => {
      respond = () => void response.end('still there');
    };
    const container = new NodeContainer(handler, { halfOpen: true });
    await withServer(container, async ({ port }) => {
      const client = await RawClient.connect({ port }, GET);
      client.socket.end();
      await waitUntil(() => respond !== undefined);
      await new Promise((resolve) => setImmediate(resolve));
      respond();
      expect(await client.untilEnd()).toMatch(/still there$/);
    });
  });
});

describe('setTimeout', () => {
  it('of a response calls back if nothing happens', async () => {
    const { received } = await serve((_request, response) => {
      response.setTimeout(1, () => {
        response.statusCode = 503;
        response.end('too late');
      });
    });
    expect(received).toMatch(/^HTTP\/1\.1 503 [\s\S]*too late$/);
  });

  it('of a request calls back if its body does not arrive', async () => {
    const handler = (request: IncomingMessage, response: { end(text: string): void }): void => {
      request.resume().setTimeout(1, () => response.end('where is it?'));
    };
    await withServer(new NodeContainer(handler), async ({ port }) => {
      const client = await RawClient.connect({ port });
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\nhello');
      expect(await client.untilEnd()).toMatch(/where is it\?$/);
    });
  });

  it('of a socket resets the connection if nothing handles the timeout', async () => {
    let timeouts = 0;
    const container = new NodeContainer((request) => {
      request.socket.setTimeout(1, () => {
        timeouts += 1;
      });
    });
    await withServer(container, async ({ port }) => {
      const client = await RawClient.connect({ port }, GET);
      expect(await client.untilEnd()).toBe('');
      expect(client.errorCode).toBe('ECONNRESET');
      expect(timeouts).toBe(1);
    });
  });

  it('refuses what is not a time', async () => {
    const { records } = await serve((request) => void request.socket.setTimeout(-1));
    expect(records[0]?.error).toMatchObject({ code: 'ERR_HTTP_USAGE' });
  });
});

describe('NodeContainer', () => {
  const handler: NodeHandler = () => {};

  it('refuses a handler that is not a function, and names the remedy for Koa', () => {
    const make = (value: unknown) => () => new NodeContainer(value as NodeHandler);
    expect(make({})).toThrow(expect.objectContaining({ code: 'ERR_HTTP_USAGE' }));
    expect(make(undefined)).toThrow(/a function \(request, response, next\) was expected/);
    expect(make({ callback() {} })).toThrow(/app\.callback\(\)/);
  });

  it('refuses unknown and invalid options', () => {
    expect(() => new NodeContainer(handler, { onupgrade() {} } as object)).toThrow(
      /did you mean "onUpgrade"/,
    );
    expect(() => new NodeContainer(handler, { onUpgrade: 5 } as object)).toThrow(/onUpgrade: a function/);
    expect(() => new NodeContainer(handler, { halfOpen: 1 } as object)).toThrow(/halfOpen/);
    expect(() => new NodeContainer(handler, { logger: {} } as object)).toThrow(/logger/);
  });
});
