import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { IOLoop } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { TlsTicketKeys } from './ticket-keys.ts';

const RENEWAL_MS = 12 * 60 * 60 * 1000;
const certificates = ['one certificate', Buffer.from('another')];
const renewed = { fixed: undefined, certificates };
const fixed = () => ({ fixed: randomBytes(48), certificates });

function clockedLoop(): { clock: VirtualClock; loop: IOLoop } {
  const clock = new VirtualClock();
  return { clock, loop: new IOLoop({ clock }) };
}

/** The keys in the order in which OpenSSL gets them. */
function keysOf(keys: TlsTicketKeys): string[] {
  const hex = Buffer.from(keys.current()).toString('hex');
  return hex.match(/.{96}/g) ?? [];
}

describe('TlsTicketKeys', () => {
  it('has one key at first, and then the one before as well [NET-06]', async () => {
    const { clock, loop } = clockedLoop();
    const keys = new TlsTicketKeys(renewed, loop);
    const [first] = keysOf(keys);
    expect(keys.current()).toHaveLength(48);
    await clock.advance(RENEWAL_MS);
    const [second, before] = keysOf(keys);
    expect(before).toBe(first);
    expect(second).not.toBe(first);
    await clock.advance(RENEWAL_MS);
    expect(keysOf(keys)).toEqual([expect.not.stringMatching(`${first}|${second}`), second]);
  });

  it('has two keys when it was first used after a renewal that others have seen [NET-06]', async () => {
    const { clock, loop } = clockedLoop();
    const [first] = keysOf(new TlsTicketKeys(renewed, loop));
    await clock.advance(RENEWAL_MS);
    expect(keysOf(new TlsTicketKeys(renewed, loop))[1]).toBe(first);
  });

  it('returns the same object until the keys change [NET-06]', async () => {
    const { clock, loop } = clockedLoop();
    const keys = new TlsTicketKeys(renewed, loop);
    const before = keys.current();
    await clock.advance(RENEWAL_MS - 1);
    keys.reload({ fixed: undefined, certificates: [...certificates] });
    expect(keys.current()).toBe(before);
    await clock.advance(1);
    expect(keys.current()).not.toBe(before);
    expect(keys.current()).toBe(keys.current());
  });

  it('is the same for the same certificates, and another for others [NET-06]', () => {
    const { loop } = clockedLoop();
    const [key] = keysOf(new TlsTicketKeys(renewed, loop));
    expect(keysOf(new TlsTicketKeys(renewed, loop))).toEqual([key]);
    for (const others of [
      ['one certificate'],
      ['one certificate', 'yet another'],
      ['one certificateanother'],
    ]) {
      const keys = new TlsTicketKeys({ fixed: undefined, certificates: others }, loop);
      expect(keysOf(keys)).not.toContain(key);
    }
    expect(keysOf(new TlsTicketKeys(renewed))).not.toContain(key);
  });

  it('keeps fixed keys, whatever the time and the certificates [NET-06]', async () => {
    const { clock, loop } = clockedLoop();
    const source = fixed();
    const keys = new TlsTicketKeys(source, loop);
    const before = keys.current();
    expect([...before]).toEqual([...source.fixed]);
    await clock.advance(2 * RENEWAL_MS);
    keys.reload({ fixed: Buffer.from(source.fixed), certificates: ['renewed'] });
    expect(keys.current()).toBe(before);
    expect(clock.pending).toBe(0);
  });

  it('goes on with the key before a reload as the second generation [NET-06]', async () => {
    const { clock, loop } = clockedLoop();
    const keys = new TlsTicketKeys(fixed(), loop);
    const [first] = keysOf(keys);
    keys.reload(fixed());
    const [second, ...before] = keysOf(keys);
    expect(before).toEqual([first]);
    keys.reload(renewed);
    const [third, ...beforeThat] = keysOf(keys);
    expect(beforeThat).toEqual([second]);
    await clock.advance(RENEWAL_MS);
    const [fourth, ...beforeTheFourth] = keysOf(keys);
    expect(beforeTheFourth).toEqual([third]);
    keys.reload({ fixed: undefined, certificates: ['renewed'] });
    expect(keysOf(keys).slice(1)).toEqual([fourth]);
    expect(new Set([first, second, third, fourth, keysOf(keys)[0]]).size).toBe(5);
  });

  it('does not show the keys', () => {
    expect(inspect(new TlsTicketKeys(fixed()), { depth: null })).toBe('TlsTicketKeys { isFixed: true }');
  });
});
