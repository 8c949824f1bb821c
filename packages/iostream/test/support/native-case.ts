import { IOLoop } from '@landspout/ioloop';
import { expect, it } from 'vitest';

const { tls, tlsReason } = IOLoop.current();

/** As `it`, for what only native TLS does. On the other paths the test checks that there is none, and why. */
export const itNatively = onlyOn('native');
/** As `it`, for what only node:tls does. With native TLS the test checks that it is used. */
export const itOnNode = onlyOn('node');

function onlyOn(way: 'native' | 'node'): typeof it {
  if (tls === way) return it;
  const expectOther = (): void => {
    expect(tls).not.toBe(way);
    expect(tlsReason).not.toBe('');
  };
  const other = (name: string): void => it(name, expectOther);
  const each = (cases: readonly unknown[]) => (name: string) => it.each(cases)(name, expectOther);
  return Object.assign(other, { each }) as unknown as typeof it;
}
