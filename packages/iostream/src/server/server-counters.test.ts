import { describe, expect, it } from 'vitest';
import { ServerCounters } from './server-counters.ts';

describe('ServerCounters', () => {
  it('counts failed handshakes by reason, up to 32 reasons, and further ones together', () => {
    const counters = new ServerCounters();
    for (let index = 0; index < 40; index += 1) counters.handshakeFailed(`ERR_${index}`);
    for (const known of ['ERR_0', 'ERR_31', 'ERR_39']) counters.handshakeFailed(known);
    const { handshakesFailed, handshakeFailures } = counters.stats(new Set());
    expect(handshakesFailed).toBe(43);
    expect(Object.keys(handshakeFailures)).toHaveLength(33);
    expect(handshakeFailures).toMatchObject({ ERR_0: 2, ERR_31: 2, other: 9 });
  });

  it('counts a reason with the name of a property of every object', () => {
    const counters = new ServerCounters();
    counters.handshakeFailed('constructor');
    expect(counters.stats(new Set()).handshakeFailures).toEqual({ constructor: 1 });
  });
});
