import { createServer, type Server } from 'node:net';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { openLink } from '../../src/backplane/open-link.ts';
import type { RedisLinkOptions } from '../../src/connection/redis-options.ts';
import { startProxy } from '../support/fault-proxy.ts';
import { startRedis } from '../support/redis-server.ts';
import { atTheEnd, freePort, openSockets, until } from '../support/scratch.ts';
import { APPEND, openTestLink, SILENT } from '../support/test-link.ts';

const failureOf = (
  options: RedisLinkOptions,
): Promise<Error & { readonly code?: string; readonly cause?: Error }> =>
  openLink({ logger: SILENT, ...options }).then(
    () => {
      throw new Error('it was opened');
    },
    (error) => error,
  );

/** A server that is not Redis. */
async function startServer(reply: string): Promise<string> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.write(reply));
    atTheEnd(() => socket.destroy());
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  atTheEnd(() => server.close());
  return `redis://127.0.0.1:${port}`;
}

/** How the first record of a handshake of TLS begins (RFC 8446, 5.1). */
const HANDSHAKE = '\x16\x03';

describe('openLink', () => {
  it('connects by URL, with a password, and through a socket of Unix', async () => {
    const folder = `/tmp/redis-${process.pid}-${Math.random().toString(36).slice(2)}.sock`;
    const redis = await startRedis({
      password: 'p@ss',
      config: ['requirepass p@ss', `unixsocket ${folder}`, 'user ada on >secret ~* &* +@all'],
    });
    const urls = [
      `redis://:p%40ss@127.0.0.1:${redis.port}`,
      `redis://ada:secret@127.0.0.1:${redis.port}/2`,
      `unix://ada:secret@${folder}`,
    ];
    for (const url of urls) {
      const link = await openTestLink({ url });
      await link.send('{a}', ['SET', '{a}', url]);
      expect(String(await link.send('{a}', ['GET', '{a}']))).toBe(url);
    }
    const link = await openTestLink({
      client: { socket: { host: '127.0.0.1', port: redis.port }, username: 'ada', password: 'secret' },
    });
    expect(String(await link.send('{a}', ['ACL', 'WHOAMI']))).toBe('ada');
  });

  it('refuses when nothing listens there', async () => {
    const port = await freePort();
    expect(await failureOf({ url: `redis://127.0.0.1:${port}` })).toMatchObject({
      name: 'RedisBackplaneError',
      code: 'ERR_TOPICS_REDIS_CONNECT',
      message: `Redis at 127.0.0.1:${port} cannot be used: connect ECONNREFUSED 127.0.0.1:${port}; start Redis there, or correct its address`,
      cause: { code: 'ECONNREFUSED' },
    });
    await until('no socket is left', () => openSockets() === 0);
  });

  it.each([
    ['no password', (port: number) => `redis://127.0.0.1:${port}`, /NOAUTH/],
    ['a wrong password', (port: number) => `redis://:wrong@127.0.0.1:${port}`, /WRONGPASS/],
    ['an unknown user', (port: number) => `redis://ada:secret@127.0.0.1:${port}`, /WRONGPASS/],
  ])('refuses when Redis does (%s)', async (_, urlOf, reply) => {
    const redis = await startRedis({ config: ['requirepass secret'], password: 'secret' });
    const failure = await failureOf({ url: urlOf(redis.port) });
    expect(failure).toMatchObject({
      code: 'ERR_TOPICS_REDIS_CONNECT',
      cause: { message: expect.stringMatching(reply) },
    });
    expect(failure.message).toContain('set the username and the password that Redis expects');
    expect(failure.message).not.toContain('wrong@');
    await until('no connection is left', async () => {
      const clients = await redis.command('CLIENT', 'LIST');
      return clients.split('\n').length === 1; // that of redis-cli
    });
  });

  it('refuses a server that is not Redis', async () => {
    for (const reply of ['HTTP/1.1 400 Bad Request\r\n\r\n', '\0\x1b[2J']) {
      const failure = await failureOf({ url: await startServer(reply) });
      expect(failure).toMatchObject({ code: 'ERR_TOPICS_REDIS_CONNECT', cause: expect.any(Error) });
      expect(failure.message).toMatch(/^[ -~]+$/);
    }
  });

  it('refuses a server that does not reply in time', async () => {
    const redis = await startRedis();
    const proxy = await startProxy(redis);
    for (const direction of ['toServer', 'toClient'] as const) {
      proxy.halt(direction);
      const clock = new VirtualClock();
      const failure = failureOf({ url: proxy.url, clock, connectTimeoutMs: 300 });
      await until('the attempt has begun', () => proxy.connections === 1);
      await clock.advance(300);
      expect((await failure).message).toContain('the server was not ready within 300 ms');
      expect(clock.pending).toBe(0);
      proxy.pass();
      await until('no connection is left', () => proxy.connections === 0);
    }
  });

  it('asks for TLS where a server without it does not reply, and says nothing more of errors that say all', async () => {
    const { port } = await startRedis();
    const proxy = await startProxy({ port });
    for (const client of [
      { url: `rediss://127.0.0.1:${proxy.port}` },
      { socket: { port: proxy.port, tls: true as const } },
    ]) {
      const clock = new VirtualClock();
      const hello = proxy.seen(HANDSHAKE);
      const failure = failureOf({ client, clock, connectTimeoutMs: 300 });
      await hello;
      await clock.advance(300);
      expect((await failure).message).toContain('does it speak TLS at this port?');
    }
    expect((await failureOf({ url: `redis://127.0.0.1:${port}/99` })).message).toBe(
      `Redis at 127.0.0.1:${port} cannot be used: ERR DB index is out of range`,
    );
  });

  it('refuses a server that is loading its data', async () => {
    const redis = await startRedis({
      persistence: 'rdb',
      config: ['key-load-delay 5000', 'loading-process-events-interval-bytes 1024'],
    });
    await redis.command('DEBUG', 'POPULATE', '2000', 'key', '1000');
    await redis.stop();
    await redis.startLoading();
    expect(await failureOf({ url: redis.url })).toMatchObject({
      code: 'ERR_TOPICS_REDIS_CONNECT',
      message: expect.stringContaining('connect again when Redis has loaded its data'),
    });
    await redis.command('CONFIG', 'SET', 'key-load-delay', '0');
    await redis.ready();
    const link = await openTestLink({ url: redis.url });
    expect(await link.run(APPEND, ['{a}'], ['1'])).toBe(1);
  });

  it('closes the first connection when the second fails', async () => {
    const redis = await startRedis({ config: ['maxclients 2'] });
    const other = await openTestLink({ url: redis.url });
    expect(await failureOf({ url: redis.url })).toMatchObject({ code: 'ERR_TOPICS_REDIS_CONNECT' });
    await other.close();
    const link = await openTestLink({ url: redis.url });
    expect(link.isConnected).toBe(true);
  });

  it.each<[string, object, RegExp]>([
    ['nothing', {}, /exactly one of url, client, sentinel and cluster was expected/],
    ['two', { url: 'redis://localhost', client: {} }, /exactly one of/],
    ['a wrong protocol', { url: 'http://:secret@localhost' }, /url: redis:\/\/…/],
    ['a text that is no URL', { url: 'localhost:6379' }, /url: redis:\/\/…/],
    ['an unknown option of the client', { client: { hostname: 'x' } }, /client: unknown option "hostname"/],
    ['an option that the backplane sets', { client: { disableOfflineQueue: false } }, /unknown option/],
    [
      'a strategy',
      { client: { socket: { reconnectStrategy: 5 } } },
      /socket\.reconnectStrategy: the backplane/,
    ],
    ['an empty list', { cluster: { rootNodes: [] } }, /rootNodes: an array of at least one node/],
    ['no name', { sentinel: { sentinelRootNodes: [{ host: 'x', port: 1 }] } }, /sentinel\.name/],
    [
      'an option of the pool',
      { sentinel: { name: 'x', sentinelRootNodes: [], masterPoolSize: 2 } },
      /masterPoolSize/,
    ],
    ['a negative time', { url: 'redis://localhost', pingTimeoutMs: -1 }, /pingTimeoutMs: 1 to/],
    ['a limit of 0', { url: 'redis://localhost', maxWaitingCalls: 0 }, /maxWaitingCalls/],
  ])('refuses options: %s', async (_, options, message) => {
    const failure = await failureOf(options as RedisLinkOptions);
    expect(failure).toMatchObject({ name: 'RedisUsageError', code: 'ERR_TOPICS_REDIS_USAGE' });
    expect(failure.message).toMatch(message);
    expect(failure.message).not.toContain('secret');
  });
});
