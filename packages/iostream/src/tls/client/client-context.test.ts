import tls from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ClientContextOptions, clientContext } from './client-context.ts';

const options: ClientContextOptions = {
  credentials: {},
  alpnProtocols: undefined,
  rejectUnauthorized: true,
  keepsSessions: false,
  logsKeys: false,
};
const contextOf = (key: string) => clientContext(key, options);

describe('clientContext', () => {
  it('returns the same context for the same key, and creates it once', () => {
    const context = contextOf('a');
    expect(contextOf('a')).toBe(context);
    expect(contextOf('b')).not.toBe(context);
    expect(context.secureContext()).toBe(context.secureContext());
  });

  it('keeps the 32 contexts that were used most recently', () => {
    const [first, second] = [contextOf('first'), contextOf('second')];
    for (let index = 0; index < 31; index += 1) {
      contextOf(`other ${index}`);
      expect(contextOf('first')).toBe(first);
    }
    expect(contextOf('second')).not.toBe(second);
  });

  it('creates contexts anew if the program changes the ciphers of Node', () => {
    const { DEFAULT_CIPHERS } = tls;
    onTestFinished(() => {
      tls.DEFAULT_CIPHERS = DEFAULT_CIPHERS;
    });
    const context = contextOf('a');
    tls.DEFAULT_CIPHERS = 'ECDHE-ECDSA-AES128-GCM-SHA256';
    const other = contextOf('a');
    expect(other).not.toBe(context);
    expect(contextOf('a')).toBe(other);
  });

  it('reports credentials that OpenSSL refuses', () => {
    const refused = clientContext('refused', { ...options, credentials: { ciphers: 'NONE-OF-THEM' } });
    expect(() => refused.secureContext()).toThrow(expect.objectContaining({ code: 'ERR_STREAM_TLS' }));
  });
});
