// What the servers of topics share: they publish when a byte comes on a connection of their own, so that every row pays
// the same to be asked.
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { LISTEN, settings } from '../../program.mjs';

const { burst = 1, behind = 0, textBytes = 100, settleMs = 0 } = settings;
/** Publishes that are awaited together while clients are away. */
const AT_ONCE = 100;
const [ONE, BURST, BEHIND] = [...'opb'].map((letter) => letter.charCodeAt(0));
const TEXT = 'All work and no play. '.repeat(textBytes).slice(0, textBytes);

export const TOPIC = 'bench-0';
let number = 1_000_000_000;

/** The data of the next record: the load client checks the number and the text, and how long the record took. */
export function nextData() {
  const [seconds, ns] = process.hrtime();
  number += 1;
  return { n: number - 1, at: String(seconds * 1e6 + Math.floor(ns / 1e3)).padStart(16, '0'), text: TEXT };
}

/**
 * Publishes whenever the load client orders it.
 *
 * @param {(data: object) => unknown} publish - may return a promise.
 * @returns {Promise<number>} the port for its orders.
 */
export async function listenForOrders(publish) {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {}); // The client is stopped before the server.
    socket.on('data', (orders) => {
      for (const order of orders) {
        if (order === ONE) void publish(nextData());
        if (order === BURST) publishBurst(publish, burst);
        if (order === BEHIND) void publishMany(publish).then(() => socket.write('d'));
      }
    });
  });
  await new Promise((resolve) => server.listen(LISTEN, resolve));
  return server.address().port;
}

/** Publishes each record in a turn of its own, without waiting for the one before. */
function publishBurst(publish, left) {
  void publish(nextData());
  if (left > 1) setImmediate(publishBurst, publish, left - 1);
}

async function publishMany(publish) {
  for (let left = behind; left > 0; left -= AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(left, AT_ONCE) }, () => publish(nextData())));
  await sleep(settleMs); // For rows that do not wait until other processes have the records.
}
