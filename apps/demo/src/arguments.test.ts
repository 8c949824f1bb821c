import { describe, expect, it } from 'vitest';
import { ArgumentError, parseCommand } from './arguments.ts';

const REDIS = 'rediss://user:secret@redis.example:6380/1';

describe('parseCommand', () => {
  it.each([
    [[], {}, { port: 8888, host: '127.0.0.1' }],
    [['chat'], {}, { port: 8888, host: '127.0.0.1' }],
    [['chat'], { PORT: '9000' }, { port: 9000, host: '127.0.0.1' }],
    [['chat'], { PORT: '' }, { port: 8888, host: '127.0.0.1' }],
    [['--port', '0'], { PORT: '9000' }, { port: 0, host: '127.0.0.1' }],
    [['--port=65535', 'chat'], {}, { port: 65_535, host: '127.0.0.1' }],
    [['--', '--port', '9000'], {}, { port: 9000, host: '127.0.0.1' }],
    [['--host', '0.0.0.0'], {}, { port: 8888, host: '0.0.0.0' }],
    [['--data', 'kept'], {}, { port: 8888, host: '127.0.0.1', data: 'kept' }],
    [['--processes', '4'], {}, { port: 8888, host: '127.0.0.1', processes: 4 }],
    [['--processes=cpus'], {}, { port: 8888, host: '127.0.0.1', processes: 'cpus' }],
    [['--redis', REDIS], {}, { port: 8888, host: '127.0.0.1', redis: new URL(REDIS) }],
    [[], { REDIS_URL: REDIS }, { port: 8888, host: '127.0.0.1', redis: new URL(REDIS) }],
    [[], { REDIS_URL: '' }, { port: 8888, host: '127.0.0.1' }],
    [['--redis', REDIS], { REDIS_URL: 'x' }, { port: 8888, host: '127.0.0.1', redis: new URL(REDIS) }],
  ])('reads %j with %j as a chat', (args, environment, expected) => {
    const defaults = { kind: 'chat', data: undefined, processes: 1, redis: undefined };
    expect(parseCommand(args, environment)).toEqual({ ...defaults, ...expected });
  });

  it.each(['selector', 'fetch'] as const)('reads %s with an address and without', (kind) => {
    expect(parseCommand([kind], { PORT: 'x' })).toEqual({ kind, url: undefined });
    expect(parseCommand([kind, 'http://a/b?c'], {})).toEqual({ kind, url: new URL('http://a/b?c') });
  });

  it('takes https only where there is TLS', () => {
    expect(parseCommand(['fetch', 'https://a/'], {})).toMatchObject({ url: new URL('https://a/') });
    expect(() => parseCommand(['selector', 'https://a/'], {})).toThrow(/http:\/\/, not "https:\/\/a\/"/);
  });

  it.each([
    [['--port', 'x'], /^--port must be a number from 0 to 65535, not "x"/],
    [['--port', '65536'], /not "65536"/],
    [['--port', '-1'], /--port/],
    [['--port', '1e3'], /not "1e3"/],
    [['--port', ''], /not ""/],
    [['--port'], /--port/],
    [['--unknown'], /'--unknown'/],
    [['dance'], /"dance".*usage/],
    [['chat', 'http://a/'], /"http:\/\/a\/"/],
    [['fetch', 'a'], /not "a"/],
    [['fetch', 'file:///etc/passwd'], /file/],
    [['fetch', 'http://a/', 'http://b/'], /one address/],
    [['fetch', '--port', '1'], /--port/],
    [['fetch', '--data', 'kept'], /--data/],
    [['--data', ''], /^--data/],
    [['--data'], /--data/],
    [['fetch', '--redis', REDIS], /--redis/],
    [['--processes', '0'], /^--processes must be a number from 1 to 1024 or cpus, not "0"/],
    [['--processes', '1025'], /not "1025"/],
    [['--processes', 'all'], /not "all"/],
    [['--processes', ''], /not ""/],
    [['--redis', 'localhost:6379'], /^--redis must be the address of a Redis server, such as redis:/],
    [['--redis', 'http://a/'], /^--redis/],
    [['--redis', 'redis://'], /^--redis/],
    [['--redis', ''], /^--redis/],
  ])('refuses %j in one line', (args, message) => {
    const parse = () => parseCommand(args, {});
    expect(parse).toThrow(ArgumentError);
    expect(parse).toThrow(message);
    expect(parse).not.toThrow(/\n/);
  });

  it('refuses a PORT that is none', () => {
    expect(() => parseCommand([], { PORT: 'http' })).toThrow(/^PORT must be a number/);
  });

  it('refuses a REDIS_URL that is none, and does not show what may be a password', () => {
    const parse = () => parseCommand([], { REDIS_URL: 'redis//:secret@a' });
    expect(parse).toThrow(/^REDIS_URL must be the address/);
    expect(parse).not.toThrow(/secret/);
  });
});
