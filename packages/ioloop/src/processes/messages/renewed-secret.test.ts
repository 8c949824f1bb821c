import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../testing/index.ts';
import { RENEWAL_MS, RenewedSecret } from './renewed-secret.ts';

const keysOf = (secret: RenewedSecret) =>
  secret.derive('a key', 48).map((key) => Buffer.from(key).toString('hex'));
const A_MINUTE = 60_000;

describe('RenewedSecret', () => {
  it('derives independent keys of the length that is asked for', () => {
    const secret = new RenewedSecret(new VirtualClock());
    const [one] = secret.derive('one', 48) as [Uint8Array];
    const [other] = secret.derive('other', 48) as [Uint8Array];
    expect(one).toHaveLength(48);
    expect(secret.derive('one', 48)).toEqual([one]);
    expect(other).not.toEqual(one);
    expect(new RenewedSecret(new VirtualClock()).derive('one', 48)).not.toEqual([one]);
  });

  it('is renewed in time, and keeps the generation before', async () => {
    const clock = new VirtualClock();
    let renewals = 0;
    const secret = new RenewedSecret(clock, () => {
      renewals += 1;
    });
    const [first] = keysOf(secret);
    const { version } = secret;
    await clock.advance(RENEWAL_MS - 1);
    expect([keysOf(secret), secret.version, renewals]).toEqual([[first], version, 0]);
    await clock.advance(1);
    const [second, before] = keysOf(secret);
    expect(before).toBe(first);
    expect(second).not.toBe(first);
    expect([secret.version, renewals]).toEqual([version + 1, 1]);
    await clock.advance(RENEWAL_MS);
    expect(keysOf(secret).slice(1)).toEqual([second]);
    expect(keysOf(secret)).not.toContain(first);
  });

  it('gives the same keys in another process, and is renewed there when the record of the parent comes', async () => {
    const clock = new VirtualClock();
    const [parent, child] = [new RenewedSecret(clock), new RenewedSecret(clock)];
    await clock.advance(RENEWAL_MS / 4);
    expect(parent.toRecord().renewsInMs).toBe((3 * RENEWAL_MS) / 4);
    child.adopt(parent.toRecord());
    expect(keysOf(child)).toEqual(keysOf(parent));
    const { version } = child;
    await clock.advance((3 * RENEWAL_MS) / 4);
    expect(child.version).toBe(version);
    child.adopt(parent.toRecord());
    expect(keysOf(child)).toEqual(keysOf(parent));
    expect(keysOf(child)).toHaveLength(2);
    expect(child.version).toBe(version + 1);
  });

  it('is renewed without the parent if nothing comes from it within a minute', async () => {
    const clock = new VirtualClock();
    const [parent, child] = [new RenewedSecret(clock), new RenewedSecret(clock)];
    child.adopt(parent.toRecord());
    parent.close();
    const [key] = keysOf(child);
    await clock.advance(RENEWAL_MS + A_MINUTE - 1);
    expect(keysOf(child)).toEqual([key]);
    await clock.advance(1);
    expect(keysOf(child).slice(1)).toEqual([key]);
    await clock.advance(RENEWAL_MS);
    expect(keysOf(child)).not.toContain(key);
    child.adopt(parent.toRecord()); // the parent was only late
    expect(keysOf(child)).toEqual([key]);
  });

  it('has no timer after it was closed', () => {
    const clock = new VirtualClock();
    new RenewedSecret(clock).close();
    expect(clock.pending).toBe(0);
  });

  it('does not show its bytes', () => {
    const secret = new RenewedSecret(new VirtualClock());
    expect(inspect(secret, { depth: null })).toBe('RenewedSecret { version: 1 }');
  });
});
