import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { notifySystemd } from '../../src/index.ts';
import { loadNative } from '../../src/reactor/backend.ts';
import { NoticeReceiver, setVariable } from './notice-receiver.ts';

const isNative = 'binding' in loadNative();

describe('notifySystemd', () => {
  it.each(['path', 'abstract'] as const)('sends a notice to NOTIFY_SOCKET, a %s address', async (kind) => {
    const receiver = new NoticeReceiver(kind);
    expect(await notifySystemd({ ready: true, status: 'one & "two"' })).toBe(true);
    expect(await receiver.next()).toEqual(['READY=1', 'STATUS=one & "two"']);
    await notifySystemd({ reloading: true });
    const [state, time] = await receiver.next();
    expect(state).toBe('RELOADING=1');
    // CLOCK_MONOTONIC, of which the kernel shows the seconds.
    expect(Number(time?.replace('MONOTONIC_USEC=', ''))).toBeGreaterThan(0);
  });

  it.each([undefined, ''])('does nothing if NOTIFY_SOCKET is %j', async (value) => {
    setVariable('NOTIFY_SOCKET', value);
    expect(await notifySystemd({ ready: true })).toBe(false);
  });

  it('refuses an invalid notice even if no notices are expected', async () => {
    setVariable('NOTIFY_SOCKET', undefined);
    await expect(notifySystemd({})).rejects.toMatchObject({ code: 'ERR_LOOP_USAGE' });
  });

  it.each(['relative', '@', '/', 'vsock:2:1234', `/${'x'.repeat(107)}`])(
    'refuses the address %j',
    async (address) => {
      setVariable('NOTIFY_SOCKET', address);
      await expect(notifySystemd({ ready: true })).rejects.toMatchObject({
        name: 'SystemdNotifyError',
        code: 'ERR_SYSTEMD_ADDRESS',
        message: expect.stringContaining(JSON.stringify(address)),
      });
    },
  );

  it('rejects if nothing receives notices', async () => {
    setVariable('NOTIFY_SOCKET', '/nowhere/notify');
    const error = isNative
      ? { name: 'SystemError', code: 'ENOENT', syscall: 'sendto', address: '/nowhere/notify' }
      : {
          code: 'ERR_SYSTEMD_TOOL',
          message: expect.stringMatching(/, and it failed: ".*No such file or directory"/),
        };
    await expect(notifySystemd({ ready: true })).rejects.toMatchObject(error);
  });

  it('needs systemd-notify on the portable backend only', async () => {
    const { folder } = new NoticeReceiver();
    setVariable('PATH', join(folder, 'empty'));
    const notified = notifySystemd({ ready: true });
    if (isNative) {
      expect(await notified).toBe(true);
      return;
    }
    await expect(notified).rejects.toMatchObject({
      name: 'SystemdNotifyError',
      code: 'ERR_SYSTEMD_TOOL',
      message: expect.stringContaining('it was not found; install it'),
      cause: expect.objectContaining({ code: 'ENOENT' }),
    });
  });

  it('waits while the receiver has too many unread notices', async () => {
    const receiver = new NoticeReceiver();
    // systemd-notify waits by itself, so a few processes of it are enough.
    const unread = Number(readFileSync('/proc/sys/net/unix/max_dgram_qlen', 'utf8'));
    const many = isNative ? unread + 5 : 5;
    const sent = Array.from({ length: many }, (_, i) => notifySystemd({ status: String(i) }));
    const received = new Set<string>();
    for (let i = 0; i < many; i += 1) received.add((await receiver.next()).join());
    expect(await Promise.all(sent)).toEqual(Array<boolean>(many).fill(true));
    expect(received.size).toBe(many);
  });
});
