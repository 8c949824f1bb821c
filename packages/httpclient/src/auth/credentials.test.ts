import { describe, expect, it } from 'vitest';
import { basicCredentials, checkCredentials } from './credentials.ts';

describe('basicCredentials', () => {
  it('encodes user and password as UTF-8 (RFC 7617 §2.1) [SH-06]', () => {
    expect(basicCredentials({ username: 'Aladdin', password: 'open sesame' })).toBe(
      'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==',
    );
    expect(basicCredentials({ username: 'test', password: '123\u00a3' })).toBe('Basic dGVzdDoxMjPCow==');
  });

  it('accepts an empty password, and a colon in it [SH-06]', () => {
    expect(basicCredentials({ username: 'a', password: '' })).toBe('Basic YTo=');
    expect(basicCredentials({ username: 'a', password: 'b:c' })).toBe('Basic YTpiOmM=');
  });

  it.each([
    ['hunter:2', ''],
    ['a', 'hunter2\n'],
    ['a\0', 'hunter2'],
    ['a', 'hunter2\x85'],
    ['a', 'hunter2\ud800'],
    ['a', 2 as never],
  ])('refuses %j with %j, without showing them [SH-06, ATT-77]', (username, password) => {
    let message = '';
    try {
      basicCredentials({ username, password });
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_HTTPCLIENT_USAGE' });
      message = String(error);
    }
    expect(message).toContain('basicAuth: username');
    expect(message).not.toContain('hunter');
  });
});

describe('checkCredentials', () => {
  it('accepts a colon in the name of a user, which digest authentication allows', () => {
    expect(() => checkCredentials('x', { username: 'sip:a', password: '' })).not.toThrow();
  });
});
