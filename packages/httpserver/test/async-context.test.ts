import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { RawClient } from './fixtures/raw-client.ts';
import { withServer } from './fixtures/running-server.ts';

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;

describe('HTTPServer, and AsyncLocalStorage', () => {
  it('calls a handler in the root context, whoever made the server', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    await storage.run('the maker of the server', () =>
      withServer(
        (request) => {
          seen.push(storage.getStore());
          request.respond(200, 'done');
        },
        async ({ port }) => {
          const client = await RawClient.connect({ port }, get('/1'));
          await client.until((all) => all.endsWith('done'));
          client.close();
        },
      ),
    );
    expect(seen).toEqual([undefined]);
  });

  it('does not let a request see the context of an earlier one, on its connection or on another', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    await withServer(
      async (request) => {
        seen.push(storage.getStore());
        await storage.run(request.target, async () => {
          await new Promise((resolve) => setImmediate(resolve));
          seen.push(storage.getStore());
          request.respond(200, request.target);
        });
      },
      async ({ port }) => {
        const one = await RawClient.connect({ port }, get('/1'));
        await one.until((all) => all.endsWith('/1'));
        one.send(get('/2'));
        await one.until((all) => all.endsWith('/2'));
        const other = await RawClient.connect({ port }, get('/3'));
        await other.until((all) => all.endsWith('/3'));
        one.close();
        other.close();
      },
    );
    expect(seen).toEqual([undefined, '/1', undefined, '/2', undefined, '/3']);
  });

  it('does not let a pipelined request see the context of the one before it', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    await withServer(
      async (request) => {
        seen.push(storage.getStore());
        await storage.run(request.target, async () => {
          await new Promise((resolve) => setImmediate(resolve));
          request.respond(200, request.target);
        });
      },
      async ({ port }) => {
        const client = await RawClient.connect({ port }, get('/1') + get('/2') + get('/3'));
        await client.until((all) => all.endsWith('/3'));
        client.close();
      },
    );
    expect(seen).toEqual([undefined, undefined, undefined]);
  });

  it('does not let the request of another connection see what enterWith left behind, in one turn or in a later one', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    await withServer(
      async (request) => {
        seen.push(storage.getStore());
        storage.enterWith(request.target);
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(storage.getStore() === request.target);
        request.respond(200, request.target);
      },
      async ({ port }) => {
        for (let round = 0; round < 2; round += 1) {
          const clients = [await RawClient.connect({ port }), await RawClient.connect({ port })];
          for (const client of clients) client.send(get('/1'));
          for (const client of clients) await client.until((all) => all.endsWith('/1'));
          for (const client of clients) client.close();
        }
      },
    );
    expect(seen.filter((each) => typeof each !== 'boolean')).toEqual(new Array(4).fill(undefined));
    expect(seen.filter((each) => typeof each === 'boolean')).toEqual(new Array(4).fill(true));
  });

  it('does not let a pipelined request see what enterWith of the one before it left behind', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    await withServer(
      async (request) => {
        seen.push(storage.getStore());
        storage.enterWith(request.target);
        await new Promise((resolve) => setImmediate(resolve));
        request.respond(200, request.target);
      },
      async ({ port }) => {
        for (let round = 0; round < 2; round += 1) {
          const client = await RawClient.connect({ port }, get('/1') + get('/2') + get('/3'));
          await client.until((all) => all.endsWith('/3'));
          client.close();
        }
      },
    );
    expect(seen).toEqual(new Array(6).fill(undefined));
  });
});
