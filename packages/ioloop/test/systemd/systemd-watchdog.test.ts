import { describe, expect, it } from 'vitest';
import { IOLoop, notifySystemd, startSystemdWatchdog } from '../../src/index.ts';
import { watchdogIntervalMs } from '../../src/systemd/systemd-watchdog.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { NoticeReceiver, setVariable } from './notice-receiver.ts';

/** Waits, turn by turn, until `condition` holds. The test's own timeout is the limit. */
async function waitUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function setting() {
  const clock = new VirtualClock();
  const warnings: string[] = [];
  const note = (_details: object, message: string) => void warnings.push(message);
  const logger = { debug: note, info: note, warn: note, error: note };
  const receiver = new NoticeReceiver();
  setVariable('WATCHDOG_USEC', '20000000');
  setVariable('WATCHDOG_PID', String(process.pid));
  return { clock, warnings, receiver, loop: new IOLoop({ clock, logger }) };
}

describe('startSystemdWatchdog', () => {
  it('resets the watchdog at once, and then at half its time, until it is stopped', async () => {
    const { clock, receiver, loop } = setting();
    const watchdog = startSystemdWatchdog({ loop });
    expect(watchdog?.intervalMs).toBe(10_000);
    expect(await receiver.next()).toEqual(['WATCHDOG=1']);
    await waitUntil(() => clock.pending === 1);
    await clock.advance(9_999);
    // Sent later than a reset that came too early would be.
    await notifySystemd({ status: 'still waiting' });
    expect(await receiver.next()).toEqual(['STATUS=still waiting']);
    await clock.advance(1);
    expect(await receiver.next()).toEqual(['WATCHDOG=1']);
    await waitUntil(() => clock.pending === 1);
    watchdog?.stop();
    expect(clock.pending).toBe(0);
  });

  it('logs a failure once, and goes on', async () => {
    const { clock, warnings, receiver, loop } = setting();
    setVariable('NOTIFY_SOCKET', `${receiver.folder}/nowhere`);
    using _watchdog = startSystemdWatchdog({ loop });
    for (let i = 0; i < 3; i += 1) {
      await waitUntil(() => clock.pending === 1);
      await clock.advance(10_000);
    }
    expect(warnings).toEqual(['the watchdog of systemd could not be reset']);
  });

  it.each([{ WATCHDOG_USEC: undefined }, { WATCHDOG_PID: '1' }, { NOTIFY_SOCKET: undefined }])(
    'does nothing with %o',
    (variables) => {
      const { loop } = setting();
      for (const [name, value] of Object.entries(variables)) setVariable(name, value);
      expect(startSystemdWatchdog({ loop })).toBeUndefined();
    },
  );

  it('refuses unknown options', () => {
    expect(() => startSystemdWatchdog({ lop: 1 } as object)).toThrow(
      expect.objectContaining({ code: 'ERR_LOOP_USAGE' }),
    );
  });

  it.each([
    [{ WATCHDOG_USEC: '30000000' }, 15_000],
    [{ WATCHDOG_USEC: '1' }, 1],
    [{ WATCHDOG_USEC: '9999999999999999' }, 2_147_483_647],
    [{ WATCHDOG_USEC: '0' }, undefined],
    [{ WATCHDOG_USEC: '-5' }, undefined],
    [{ WATCHDOG_USEC: '1e6' }, undefined],
    [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }, 15_000],
    [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8' }, undefined],
  ])('reads the environment %o', (env, intervalMs) => {
    expect(watchdogIntervalMs(env, 7)).toBe(intervalMs);
  });
});
