// Publishes without a subscriber, so many at once, and counts.
import { setImmediate as turn } from 'node:timers/promises';
import { measure, report, settings } from '../../program.mjs';
import { nextData, TOPIC } from './publisher.mjs';

/** Publishes after which other work of the event loop gets its turn. */
const TURN = 100;
const { kind, inFlight } = settings;
let [done, isOver] = [0, false];
const { publish, backend } = await publisher();

async function work() {
  while (!isOver) {
    await publish(nextData());
    done += 1;
    if (done % TURN === 0) await turn();
  }
}

const workers = Array.from({ length: inFlight }, work);
const measured = await measure(() => done);
isOver = true;
await Promise.all(workers);
report({ backend, ...measured });

async function publisher() {
  // Imported only here, so that each row has only what it needs.
  if (kind === 'socket.io') {
    const { Server } = await import('socket.io');
    const io = new Server({ connectionStateRecovery: { maxDisconnectionDuration: 120_000 } });
    return { publish: (data) => io.to(TOPIC).emit('msg', data), backend: 'socket.io' };
  }
  const [{ IOLoop }, { Topics }, { openBackplane }] = await Promise.all([
    import('@landspout/ioloop'),
    import('@landspout/topics'),
    import('./backplane.mjs'),
  ]);
  const topic = new Topics({ backplane: await openBackplane() }).topic(TOPIC);
  return { publish: (data) => topic.publish(data), backend: IOLoop.current().backend };
}
