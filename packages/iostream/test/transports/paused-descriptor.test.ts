import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { IOLoop } from '@landspout/ioloop';
import { describe, expect, it } from 'vitest';
import { connect, type Listener, listen, type Transport } from '../../src/transports/index.ts';

/** How many descriptors all epoll instances of this process watch together. */
function watchedDescriptors(): number {
  let watched = 0;
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`) !== 'anon_inode:[eventpoll]') continue;
      watched += readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/^tfd:/gm)?.length ?? 0;
    } catch {
      // The listing's own descriptor is gone by now.
    }
  }
  return watched;
}

async function connectedPair(): Promise<{ near: Transport; far: Transport; listener: Listener }> {
  const loop = IOLoop.current();
  let accepted!: (transport: Transport) => void;
  const arrival = new Promise<Transport>((resolve) => {
    accepted = resolve;
  });
  const target = { address: '127.0.0.1', port: 0 };
  const listener = await listen(loop, target, {
    backlog: 1,
    onConnection: (transport) => accepted(transport),
  });
  const { port } = listener.address as { port: number };
  const far = await connect(loop, { address: '127.0.0.1', port });
  return { near: await arrival, far, listener };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('a paused transport', () => {
  it('is not watched at all, since a hang-up cannot be masked and would wake the loop for ever', async () => {
    const { near, far, listener } = await connectedPair();
    const reports: string[] = [];
    const closed = new Promise<void>((resolve) => {
      near.attach({
        received: () => void reports.push('received'),
        ended: () => void reports.push('ended'),
        sent: () => void reports.push('sent'),
        closed: () => resolve(void reports.push('closed')),
      });
    });
    far.attach({ received() {}, ended() {}, sent() {}, closed() {} });
    const idle = watchedDescriptors();
    near.resume();
    await nextTurn();
    const reading = watchedDescriptors();
    near.pause();
    const paused = watchedDescriptors();
    // Node's loop takes a descriptor out when it next looks at it; the reactor does so at once.
    if (near.kind === 'reactor') expect([reading - idle, paused - idle]).toEqual([1, 0]);
    else expect(near.kind).toBe('node');
    far.write('x');
    far.flush();
    far.reset();
    for (let turn = 0; turn < 10; turn += 1) await nextTurn();
    expect(reports).not.toContain('received');
    near.close();
    await closed;
    await listener.close();
  });
});
