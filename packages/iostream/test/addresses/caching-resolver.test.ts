import { inspect } from 'node:util';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import {
  CachingResolver,
  type CachingResolverOptions,
  CaresResolver,
  OverrideResolver,
  type Resolver,
  SystemResolver,
  TCPClient,
  TCPServer,
} from '../../src/index.ts';
import { DnsServer } from '../support/dns-server.ts';
import { until } from '../support/until.ts';

/** A cache over a resolver that asks a DNS server on loopback, for IPv4 alone. Time passes when the test says so. */
function cacheOver(dns: DnsServer, options: CachingResolverOptions = {}) {
  const clock = new VirtualClock();
  const next = new CaresResolver({ servers: [dns.address], timeoutMs: 10_000 });
  const cache = new CachingResolver(next, { clock, ...options });
  const look = async (name: string, signal?: AbortSignal) => {
    const found = await cache.resolve(name, { family: 4, signal });
    return found.map(({ address }) => address);
  };
  return { cache, clock, look };
}

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('CachingResolver', () => {
  it('keeps a result for its TTL, and asks again after it [NET-05]', async () => {
    await using dns = await DnsServer.listen();
    dns.records.set('a.example', { A: ['192.0.2.1'], ttl: 10 });
    const { cache, clock, look } = cacheOver(dns);
    expect(await look('a.example')).toEqual(['192.0.2.1']);
    dns.records.set('a.example', { A: ['192.0.2.2'], ttl: 10 });
    await clock.advance(9_999);
    expect(await look('a.example')).toEqual(['192.0.2.1']);
    expect(cache.resolveNow('a.example', { family: 4 })).toEqual([{ address: '192.0.2.1', family: 4 }]);
    await clock.advance(1);
    expect(cache.resolveNow('a.example', { family: 4 })).toBeUndefined();
    expect(await look('a.example')).toEqual(['192.0.2.2']);
    expect(cache.stats()).toEqual({ entries: 1, pending: 0, hits: 2, shared: 0, lookups: 2, failures: 0 });
  });

  it('uses the least TTL of several addresses, and at most maxTtlMs [NET-05]', async () => {
    const clock = new VirtualClock();
    let count = 0;
    const next: Resolver = {
      async resolve(host) {
        count += 1;
        const ttlMs = host === 'long.example' ? 86_400_000 : 2_000;
        return [
          { address: '192.0.2.1', family: 4, ttlMs: 86_400_000 },
          { address: '192.0.2.2', family: 4, ttlMs },
        ];
      },
    };
    const cache = new CachingResolver(next, { clock, maxTtlMs: 60_000 });
    await cache.resolve('a.example');
    await clock.advance(2_000);
    await cache.resolve('a.example');
    expect(count).toBe(2);
    await cache.resolve('long.example');
    await clock.advance(59_999);
    await cache.resolve('long.example');
    expect(count).toBe(3);
    await clock.advance(1);
    await cache.resolve('long.example');
    expect(count).toBe(4);
  });

  it('does not keep a result whose TTL is 0 [NET-05]', async () => {
    await using dns = await DnsServer.listen();
    dns.records.set('a.example', { A: ['192.0.2.1'], ttl: 0 });
    const { cache, look } = cacheOver(dns);
    await look('a.example');
    await look('a.example');
    expect(cache.stats()).toMatchObject({ entries: 0, lookups: 2 });
  });

  it('keeps a result of unknown TTL for 30 s, or for defaultTtlMs [NET-05]', async () => {
    for (const [options, ttlMs] of [
      [{}, 30_000],
      [{ defaultTtlMs: 500 }, 500],
    ] as const) {
      const clock = new VirtualClock();
      const cache = new CachingResolver(
        new OverrideResolver({ 'a.example': 'localhost' }, new SystemResolver()),
        {
          clock,
          ...options,
        },
      );
      await cache.resolve('a.example');
      await clock.advance(ttlMs - 1);
      await cache.resolve('a.example');
      expect(cache.stats()).toMatchObject({ lookups: 1, hits: 1 });
      await clock.advance(1);
      await cache.resolve('a.example');
      expect(cache.stats()).toMatchObject({ lookups: 2, hits: 1 });
    }
  });

  it('looks up a name once for all who ask at the same time [NET-05]', async () => {
    await using dns = await DnsServer.listen();
    dns.records.set('a.example', { A: ['192.0.2.1'] });
    const { cache, look } = cacheOver(dns);
    const all = await Promise.all(Array.from({ length: 50 }, () => look('a.example')));
    expect(new Set(all.flat())).toEqual(new Set(['192.0.2.1']));
    expect(dns.queries).toEqual(['A a.example']);
    expect(cache.stats()).toMatchObject({ lookups: 1, shared: 49, hits: 0 });
  });

  it('rejects a caller who aborts, and goes on for the others [NET-05]', async () => {
    await using dns = await DnsServer.listen();
    dns.records.set('a.example', { A: ['192.0.2.1'] });
    dns.hold();
    const { cache, look } = cacheOver(dns);
    const controller = new AbortController();
    const first = look('a.example', controller.signal);
    const second = look('a.example');
    const third = look('a.example', new AbortController().signal);
    await until(() => dns.queries.length === 1);
    const reason = new Error('never mind');
    controller.abort(reason);
    expect(await failureOf(first)).toBe(reason);
    dns.release();
    expect(await Promise.all([second, third])).toEqual([['192.0.2.1'], ['192.0.2.1']]);
    expect(cache.stats()).toMatchObject({ entries: 1, pending: 0, lookups: 1, failures: 0 });
  });

  it('aborts the look-up when no caller is left, and keeps nothing of it [NET-05]', async () => {
    const signals: (AbortSignal | undefined)[] = [];
    const next: Resolver = {
      resolve(_host, { signal } = {}) {
        signals.push(signal);
        return new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason));
        });
      },
    };
    const cache = new CachingResolver(next);
    const controllers = [new AbortController(), new AbortController()] as const;
    const waiting = controllers.map(({ signal }) => failureOf(cache.resolve('a.example', { signal })));
    controllers[0].abort(new Error('first'));
    expect(signals.map((signal) => signal?.aborted)).toEqual([false]);
    controllers[1].abort(new Error('second'));
    expect(await Promise.all(waiting)).toMatchObject([{ message: 'first' }, { message: 'second' }]);
    expect(signals.map((signal) => signal?.aborted)).toEqual([true]);
    expect(cache.stats()).toMatchObject({ entries: 0, pending: 0, failures: 0 });
    const again = new AbortController();
    const next2 = failureOf(cache.resolve('a.example', { signal: again.signal }));
    expect(cache.stats()).toMatchObject({ lookups: 2, pending: 1 });
    again.abort();
    await next2;
  });

  it('does not ask at all for a caller who has aborted before [NET-05]', async () => {
    await using dns = await DnsServer.listen();
    const { cache, look } = cacheOver(dns);
    const reason = new Error('never mind');
    expect(await failureOf(look('a.example', AbortSignal.abort(reason)))).toBe(reason);
    expect(cache.stats()).toMatchObject({ lookups: 0, pending: 0 });
  });

  it('keeps a failure for one second, and gives each caller an error of its own [NET-05]', async () => {
    await using dns = await DnsServer.listen();
    const { cache, clock, look } = cacheOver(dns);
    const errors = await Promise.all([failureOf(look('a.example')), failureOf(look('a.example'))]);
    dns.records.set('a.example', { A: ['192.0.2.1'] });
    await clock.advance(999);
    errors.push(await failureOf(look('a.example')));
    expect(new Set(errors).size).toBe(3);
    for (const error of errors)
      expect(error).toMatchObject({ code: 'ERR_STREAM_RESOLVE', message: 'resolve "a.example": ENOTFOUND' });
    expect(cache.stats()).toMatchObject({ lookups: 1, shared: 1, hits: 1, failures: 1 });
    await clock.advance(1);
    expect(await look('a.example')).toEqual(['192.0.2.1']);
  });

  it('keeps no failure with failureTtlMs 0 [NET-05]', async () => {
    await using dns = await DnsServer.listen();
    const { look } = cacheOver(dns, { failureTtlMs: 0 });
    expect(await failureOf(look('a.example'))).toMatchObject({ code: 'ERR_STREAM_RESOLVE' });
    dns.records.set('a.example', { A: ['192.0.2.1'] });
    expect(await look('a.example')).toEqual(['192.0.2.1']);
  });

  it('takes an empty result for a failure, and an error that is thrown at once too [NET-05]', async () => {
    const empty = new CachingResolver({ resolve: async () => [] });
    expect(await failureOf(empty.resolve('a.example'))).toMatchObject({ code: 'ERR_STREAM_RESOLVE' });
    const own = new RangeError('a bug');
    const failing = new CachingResolver({
      resolve() {
        throw own;
      },
    });
    expect(await failureOf(failing.resolve('a.example'))).toBe(own);
    expect(failing.stats()).toMatchObject({ pending: 0, failures: 1, entries: 1 });
  });

  it('keeps so many results, and drops the one that was not used for the longest time [NET-05]', async () => {
    await using dns = await DnsServer.listen();
    for (const name of ['a', 'b', 'c']) dns.records.set(`${name}.example`, { A: ['192.0.2.1'] });
    const { cache, look } = cacheOver(dns, { maxEntries: 2 });
    for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) await look(`${name}.example`);
    expect(dns.queries.map((query) => query.slice(2, 3))).toEqual(['a', 'b', 'c', 'b']);
    expect(cache.stats()).toMatchObject({ entries: 2, hits: 2 });
  });

  it('has at most 1,000 entries, and none for invalid names [NET-05]', async () => {
    const next: Resolver = { resolve: async () => [{ address: '192.0.2.1', family: 4 }] };
    const cache = new CachingResolver(next);
    for (let at = 0; at < 1_500; at += 1) await cache.resolve(`n${at}.example`);
    expect(cache.stats().entries).toBe(1_000);
    cache.clear();
    for (const name of ['', 'a\0b', 'x'.repeat(10_000)]) await cache.resolve(name);
    expect(cache.stats()).toMatchObject({ entries: 0, lookups: 1_500 });
  });

  it('keeps results apart by port and family [NET-05]', async () => {
    const mapping = new OverrideResolver(
      { 'a.example:80': 'localhost', 'a.example:81': { host: 'localhost', port: 8081 } },
      new SystemResolver(),
    );
    const cache = new CachingResolver(mapping);
    const [plain] = await cache.resolve('a.example', { port: 80, family: 4 });
    const [moved] = await cache.resolve('a.example', { port: 81, family: 4 });
    expect([plain, moved]).toEqual([
      { address: '127.0.0.1', family: 4 },
      { address: '127.0.0.1', family: 4, port: 8081 },
    ]);
  });

  it('has no entry for what the wrapped resolver knows without a look-up [NET-05]', async () => {
    const cache = new CachingResolver(new SystemResolver());
    expect(await cache.resolve('192.0.2.7')).toEqual([{ address: '192.0.2.7', family: 4 }]);
    expect(cache.resolveNow('::1')).toEqual([{ address: '::1', family: 6 }]);
    expect(cache.stats()).toMatchObject({ entries: 0, lookups: 0, hits: 0 });
  });

  it('forgets everything when it is cleared, the results of look-ups in progress too [NET-05]', async () => {
    await using dns = await DnsServer.listen();
    dns.records.set('a.example', { A: ['192.0.2.1'] });
    dns.records.set('b.example', { A: ['192.0.2.2'] });
    const { cache, look } = cacheOver(dns);
    await look('a.example');
    dns.hold();
    const pending = look('b.example');
    await until(() => dns.queries.length === 2);
    cache.clear();
    expect(cache.stats()).toMatchObject({ entries: 0, pending: 0 });
    dns.release();
    expect(await pending).toEqual(['192.0.2.2']);
    expect(cache.stats()).toMatchObject({ entries: 0, pending: 0 });
    await look('b.example');
    expect(dns.queries.length).toBe(3);
  });

  it('gives results that a caller cannot change for the others [NET-05]', async () => {
    await using dns = await DnsServer.listen();
    dns.records.set('a.example', { A: ['192.0.2.1'] });
    const { cache } = cacheOver(dns);
    const found = (await cache.resolve('a.example', { family: 4 })) as unknown as object[];
    expect(() => found.pop()).toThrow(TypeError);
    expect(() => Object.assign(found[0] ?? {}, { address: '192.0.2.66' })).toThrow(TypeError);
  });

  it('serves a client that connects again and again with one look-up [NET-05] [CON-01]', async () => {
    await using dns = await DnsServer.listen();
    dns.records.set('a.example', { A: ['127.0.0.1'] });
    await using server = await new TCPServer({ handleStream() {} }).listen({ host: '127.0.0.1' });
    const { cache } = cacheOver(dns);
    const client = new TCPClient({ resolver: cache });
    for (let count = 0; count < 5; count += 1) {
      await using stream = await client.connect({ host: 'a.example', port: server.port, family: 4 });
      expect(stream.remoteAddress).toMatchObject({ address: '127.0.0.1' });
    }
    expect(dns.queries).toEqual(['A a.example']);
    expect(cache.stats()).toMatchObject({ lookups: 1, hits: 4 });
  });

  it.each([
    { maxEntries: 0 },
    { defaultTtlMs: -1 },
    { maxTtlMs: Number.NaN },
    { failureTtlMs: 1_001 },
    { failureTtlMs: -1 },
    { clock: {} },
    { ttlMs: 5 },
  ])('refuses the options %j', (options) => {
    expect(() => new CachingResolver(new SystemResolver(), options as CachingResolverOptions)).toThrow(
      expect.objectContaining({
        code: 'ERR_STREAM_USAGE',
        message: expect.stringMatching(/^CachingResolver: /),
      }),
    );
  });

  it('refuses what is not a resolver, and shows what it holds', () => {
    expect(() => new CachingResolver({} as Resolver)).toThrow('CachingResolver: a resolver was expected');
    expect(inspect(new CachingResolver(new SystemResolver()))).toContain('entries: 0');
  });
});
