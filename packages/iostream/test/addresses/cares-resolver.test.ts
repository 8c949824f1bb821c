import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { CaresResolver, type CaresResolverOptions, TCPClient, TCPServer } from '../../src/index.ts';
import { DnsServer } from '../support/dns-server.ts';
import { until } from '../support/until.ts';

/** Its timeout is for a server that does not respond: others may be slow on a busy machine. */
const resolverAt = (dns: DnsServer, options: CaresResolverOptions = {}) =>
  new CaresResolver({ servers: [dns.address], timeoutMs: 10_000, tries: 1, ...options });

describe('CaresResolver', () => {
  it('asks a DNS server for both families, and has the TTL of each address, IPv6 first [NET-05]', async () => {
    await using dns = await DnsServer.listen();
    dns.records.set('a.example', { A: ['192.0.2.1', '192.0.2.2'], AAAA: ['2001:db8::1'], ttl: 300 });
    expect(await resolverAt(dns).resolve('a.example')).toEqual([
      { address: '2001:db8::1', family: 6, ttlMs: 300_000 },
      { address: '192.0.2.1', family: 4, ttlMs: 300_000 },
      { address: '192.0.2.2', family: 4, ttlMs: 300_000 },
    ]);
    expect(dns.queries.sort()).toEqual(['A a.example', 'AAAA a.example']);
  });

  it('follows an alias, whose TTL limits that of the address [NET-05]', async () => {
    await using dns = await DnsServer.listen();
    dns.records.set('www.example', { CNAME: { name: 'host.example', ttl: 20 }, A: ['192.0.2.1'], ttl: 300 });
    expect(await resolverAt(dns).resolve('www.example', { family: 4 })).toEqual([
      { address: '192.0.2.1', family: 4, ttlMs: 20_000 },
    ]);
  });

  it.each([4, 6] as const)('asks for IPv%d alone when told [NET-05]', async (family) => {
    await using dns = await DnsServer.listen();
    dns.records.set('a.example', { A: ['192.0.2.1'], AAAA: ['2001:db8::1'] });
    const [found] = await resolverAt(dns).resolve('a.example', { family });
    expect(found).toMatchObject({ family });
    expect(dns.queries).toEqual([`${family === 4 ? 'A' : 'AAAA'} a.example`]);
  });

  it('has the addresses of one family when there are none of the other [NET-05]', async () => {
    await using dns = await DnsServer.listen();
    dns.records.set('four.example', { A: ['192.0.2.1'] });
    expect(await resolverAt(dns).resolve('four.example')).toEqual([
      { address: '192.0.2.1', family: 4, ttlMs: 60_000 },
    ]);
  });

  it('limits the TTL to a second when one family could not be looked up [NET-05]', async () => {
    await using dns = await DnsServer.listen();
    const fails = { type: 'AAAA', how: 'SERVFAIL' } as const;
    dns.records.set('half.example', { A: ['192.0.2.1'], ttl: 300, fails });
    expect(await resolverAt(dns).resolve('half.example')).toEqual([
      { address: '192.0.2.1', family: 4, ttlMs: 1_000 },
    ]);
  });

  it.each([
    ['ENOTFOUND', 'unknown.example', undefined],
    ['ENODATA', 'empty.example', {}],
    ['ESERVFAIL', 'broken.example', { fails: { how: 'SERVFAIL' } }],
    ['ETIMEOUT', 'silent.example', { fails: { how: 'silent' } }, { timeoutMs: 100 }],
  ] as const)(
    'fails with %s as the cause [NET-05]',
    async (code, name, records, options?: CaresResolverOptions) => {
      await using dns = await DnsServer.listen();
      if (records !== undefined) dns.records.set(name, records);
      await expect(resolverAt(dns, options).resolve(name)).rejects.toMatchObject({
        name: 'StreamConnectError',
        code: 'ERR_STREAM_RESOLVE',
        message: `resolve "${name}": ${code}`,
        cause: { code },
      });
    },
  );

  it.each(['localhost', 'LOCALHOST', 'a.localhost', 'localhost.'])(
    'knows that %s is loopback [NET-05]',
    async (name) => {
      await using dns = await DnsServer.listen();
      const expected = [
        { address: '::1', family: 6 },
        { address: '127.0.0.1', family: 4 },
      ];
      expect(await resolverAt(dns).resolve(name)).toEqual(expected);
      expect(resolverAt(dns).resolveNow(name, { family: 4 })).toEqual([expected[1]]);
      expect(dns.queries).toEqual([]);
    },
  );

  it('returns a numeric address without a query, and refuses one of the other family [NET-05]', async () => {
    await using dns = await DnsServer.listen();
    const resolver = resolverAt(dns);
    expect(await resolver.resolve('192.0.2.7')).toEqual([{ address: '192.0.2.7', family: 4 }]);
    expect(resolver.resolveNow('::1')).toEqual([{ address: '::1', family: 6 }]);
    await expect(resolver.resolve('192.0.2.7', { family: 6 })).rejects.toMatchObject({
      code: 'ERR_STREAM_RESOLVE',
    });
    expect(dns.queries).toEqual([]);
  });

  it.each(['', 'a\0b', `${'x'.repeat(300)}.localhost`])(
    'refuses %j without a query [NET-05]',
    async (name) => {
      await using dns = await DnsServer.listen();
      await expect(resolverAt(dns).resolve(name)).rejects.toMatchObject({ code: 'ERR_STREAM_RESOLVE' });
      expect([dns.queries, resolverAt(dns).resolveNow(name)]).toEqual([[], undefined]);
    },
  );

  it('looks up so many names at a time, and drops those that are aborted while they wait [NET-05]', async () => {
    await using dns = await DnsServer.listen();
    for (const at of [1, 2, 3, 4, 5]) dns.records.set(`n${at}.example`, { A: [`192.0.2.${at}`] });
    dns.hold();
    const resolver = resolverAt(dns, { maxLookups: 2, timeoutMs: 10_000 });
    const controller = new AbortController();
    const look = (at: number, signal?: AbortSignal) =>
      resolver.resolve(`n${at}.example`, { family: 4, signal });
    const [first, second, third, fourth] = [look(1), look(2), look(3, controller.signal), look(4)];
    await until(() => dns.queries.length === 2);
    expect(inspect(resolver, { breakLength: Infinity })).toContain('running: 2, waiting: 2');
    const reason = new Error('never mind');
    controller.abort(reason);
    await expect(third).rejects.toBe(reason);
    dns.release();
    const found = (await Promise.all([first, second, fourth])).map(([one]) => one?.address);
    expect(found).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.4']);
    expect(dns.queries).toEqual(['A n1.example', 'A n2.example', 'A n4.example']);
  });

  it('stops waiting for a reply when it is aborted [NET-05]', async () => {
    await using dns = await DnsServer.listen();
    dns.hold();
    const controller = new AbortController();
    const { signal } = controller;
    const looking = resolverAt(dns).resolve('a.example', { family: 4, signal });
    await until(() => dns.queries.length === 1);
    const reason = new Error('never mind');
    controller.abort(reason);
    await expect(looking).rejects.toBe(reason);
    dns.release();
  });

  it('leads a client to a server [NET-05] [CON-01]', async () => {
    await using dns = await DnsServer.listen();
    dns.records.set('both.example', { A: ['127.0.0.1'], AAAA: ['2001:db8::1'] });
    await using server = await new TCPServer({ handleStream() {} }).listen({ host: '127.0.0.1' });
    const client = new TCPClient({ resolver: resolverAt(dns) });
    await using stream = await client.connect({ host: 'both.example', port: server.port, family: 4 });
    expect(stream.remoteAddress).toMatchObject({ address: '127.0.0.1', port: server.port });
  });

  it.each([
    { servers: [] },
    { servers: ['nonsense'] },
    { servers: [7] },
    { servers: 7 },
    { timeoutMs: 0 },
    { timeoutMs: 1.5 },
    { tries: 0 },
    { tries: 11 },
    { maxLookups: 0 },
    { server: '127.0.0.1' },
  ])('refuses the options %j', (options) => {
    expect(() => new CaresResolver(options as CaresResolverOptions)).toThrow(
      expect.objectContaining({
        code: 'ERR_STREAM_USAGE',
        message: expect.stringMatching(/^CaresResolver: /),
      }),
    );
  });
});
