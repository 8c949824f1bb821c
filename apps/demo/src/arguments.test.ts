import { describe, expect, it } from 'vitest';
import { ArgumentError, parseCommand } from './arguments.ts';

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
  ])('reads %j with %j as a chat', (args, environment, expected) => {
    expect(parseCommand(args, environment)).toEqual({ kind: 'chat', data: undefined, ...expected });
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
  ])('refuses %j in one line', (args, message) => {
    const parse = () => parseCommand(args, {});
    expect(parse).toThrow(ArgumentError);
    expect(parse).toThrow(message);
    expect(parse).not.toThrow(/\n/);
  });

  it('refuses a PORT that is none', () => {
    expect(() => parseCommand([], { PORT: 'http' })).toThrow(/^PORT must be a number/);
  });
});
