import { SystemError } from '@landspout/ioloop';
import { describe, expect, it } from 'vitest';
import type { Listener } from './listener.ts';
import { openOnOnePort } from './one-port.ts';

const V4 = { address: '127.0.0.1', mayBeMissing: false };
const V6 = { address: '::1', mayBeMissing: true };

/** A machine whose ports are picked in a given order, and which says what was done to it. */
function machine({ picks = [1000], failures = {} }: { picks?: number[]; failures?: Record<string, string> }) {
  const opened: string[] = [];
  const closed: string[] = [];
  const open = async (address: string, wanted: number): Promise<Listener> => {
    const port = wanted === 0 ? (picks.shift() ?? 0) : wanted;
    const name = `${address} ${port}`;
    const code = failures[name] ?? failures[address];
    if (code !== undefined) throw new SystemError(code, 'bind', name);
    opened.push(name);
    return {
      address: { family: address.includes(':') ? 'IPv6' : 'IPv4', address, port },
      close: async () => void closed.push(name),
    };
  };
  return { open, opened, closed };
}

describe('openOnOnePort', () => {
  it('gives every address the port that was picked for the first [NET-01]', async () => {
    const { open, opened } = machine({});
    expect(await openOnOnePort([V4, V6], 0, open)).toHaveLength(2);
    expect(opened).toEqual(['127.0.0.1 1000', '::1 1000']);
  });

  it('picks again when the other family has the port in use [NET-01]', async () => {
    const { open, opened, closed } = machine({
      picks: [1000, 2000],
      failures: { '::1 1000': 'EADDRINUSE' },
    });
    const sockets = await openOnOnePort([V4, V6], 0, open);
    expect(sockets.map(({ address }) => address)).toMatchObject([{ port: 2000 }, { port: 2000 }]);
    expect(opened).toEqual(['127.0.0.1 1000', '127.0.0.1 2000', '::1 2000']);
    expect(closed).toEqual(['127.0.0.1 1000']);
  });

  it('gives up after ten picks, with nothing open [NET-01]', async () => {
    const picks = Array.from({ length: 20 }, (_, i) => 1000 + i);
    const { open, opened, closed } = machine({ picks, failures: { '::1': 'EADDRINUSE' } });
    await expect(openOnOnePort([V4, V6], 0, open)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(opened).toHaveLength(10);
    expect(closed).toEqual(opened);
  });

  it('does not try again for a port that was asked for [NET-01]', async () => {
    const { open, opened, closed } = machine({ failures: { '::1': 'EADDRINUSE' } });
    await expect(openOnOnePort([V4, V6], 80, open)).rejects.toMatchObject({
      code: 'EADDRINUSE',
      address: '::1 80',
    });
    expect(opened).toEqual(['127.0.0.1 80']);
    expect(closed).toEqual(opened);
  });

  it.each(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])(
    'leaves out an implied address that the machine does not have (%s) [NET-01]',
    async (code) => {
      const { open, closed } = machine({ failures: { '::1': code } });
      expect(await openOnOnePort([V4, V6], 0, open)).toHaveLength(1);
      expect(closed).toEqual([]);
    },
  );

  it('does not leave out an address that was asked for, nor one that fails otherwise [NET-01]', async () => {
    const missing = machine({ failures: { '::1': 'EADDRNOTAVAIL' } });
    const wanted = { ...V6, mayBeMissing: false };
    await expect(openOnOnePort([V4, wanted], 0, missing.open)).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
    });
    const denied = machine({ failures: { '::1': 'EACCES' } });
    await expect(openOnOnePort([V4, V6], 0, denied.open)).rejects.toMatchObject({ code: 'EACCES' });
    expect(denied.closed).toEqual(denied.opened);
  });
});
