import { describe, expect, it } from 'vitest';
import { checkedProtocols, parseDestination } from './web-socket-url.ts';

const syntaxError = expect.objectContaining({ name: 'SyntaxError' });

describe('parseDestination', () => {
  it.each([
    ['ws://a', 'ws://a/', 'ws://a'],
    ['WSS://A:443/b c?d', 'wss://a/b%20c?d', 'wss://a'],
    ['http://a:80', 'ws://a/', 'ws://a'],
    ['https://a:8443/x', 'wss://a:8443/x', 'wss://a:8443'],
    [' ws://127.1/ ', 'ws://127.0.0.1/', 'ws://127.0.0.1'],
    ['ws:a', 'ws://a/', 'ws://a'],
  ])('reads %j as %s [WS-20]', (text, url, origin) => {
    expect(parseDestination(text)).toEqual({ url, origin, request: url });
  });

  it.each([
    '',
    'a',
    '/a',
    'ftp://a/',
    'mailto:a',
    'ws://',
    'ws://a:99999/',
    'ws://a/#',
    'ws://a/#b',
    'http://a#',
  ])('refuses %j with a SyntaxError [WS-20]', (text) => {
    expect(() => parseDestination(text)).toThrow(syntaxError);
  });

  it('uses user information for basic authentication, and shows it in the URL as browsers do [WS-20]', () => {
    const { url, request } = parseDestination('wss://me:p%40ss@a/b');
    expect(url).toBe('wss://me:p%40ss@a/b');
    expect(request).toMatchObject({
      url: 'wss://a/b',
      options: { basicAuth: { username: 'me', password: 'p@ss' } },
    });
    expect(() => parseDestination('ws://me:secret@a/#x')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    );
  });
});

describe('checkedProtocols', () => {
  it('takes one subprotocol, or several [WS-20]', () => {
    expect(checkedProtocols('chat')).toEqual(['chat']);
    expect(checkedProtocols(['a', 'b'])).toEqual(['a', 'b']);
    expect(checkedProtocols([])).toEqual([]);
  });

  it.each([
    [['a', 'a']],
    [['a', 'A']],
    [['a b']],
    [['']],
    [''],
    ['a,b'],
    ['é'],
    [Array.from({ length: 65 }, (_, i) => `p${i}`)],
  ])('refuses %j with a SyntaxError [WS-20]', (protocols) => {
    expect(() => checkedProtocols(protocols)).toThrow(syntaxError);
  });
});
