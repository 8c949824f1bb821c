import { describe, expect, it } from 'vitest';
import { asksForUpgrade, isConnectionField } from './connection-fields.ts';
import { HTTPHeaders } from './http-headers.ts';

describe('isConnectionField', () => {
  it.each(['connection', 'Connection', 'KEEP-ALIVE', 'Proxy-Connection', 'Transfer-Encoding'])(
    'is true for %s',
    (name) => {
      expect(isConnectionField(name)).toBe(true);
    },
  );

  it.each(['Upgrade', 'TE', 'Set-Cookie', 'User-Agent', 'Content-Length', 'Content-Encoding', ''])(
    'is false for %j',
    (name) => {
      expect(isConnectionField(name)).toBe(false);
    },
  );
});

describe('asksForUpgrade', () => {
  it.each(['Upgrade', 'upgrade', 'keep-alive, Upgrade', 'a ,\tupgrade , b'])(
    'is true if Connection is %j and there is an Upgrade',
    (connection) => {
      expect(asksForUpgrade(HTTPHeaders.from({ Connection: connection, Upgrade: 'echo' }))).toBe(true);
      expect(asksForUpgrade(HTTPHeaders.from({ Connection: connection }))).toBe(false);
    },
  );

  it.each([{}, { Connection: 'keep-alive' }, { Connection: 'upgraded' }, { Connection: 'no-upgrade' }])(
    'is false if Connection does not list it: %j',
    (fields) => {
      expect(asksForUpgrade(HTTPHeaders.from({ ...fields, Upgrade: 'echo' }))).toBe(false);
    },
  );
});
