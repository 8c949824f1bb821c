// Many pending timers: the cost to add them, to cancel half, and to let the other half fire; and what they hold.
import { answer, cpuNs, settings } from './measure.mjs';

const { kind, timers } = settings;
const { add, cancel, backend } = await timing();
/** Those that fire, spread so that about a hundred of 100,000 share a millisecond. */
const FIRING = { fromMs: 500, spreadMs: 500 };
/** Those that are cancelled, like the limits of requests that are answered in time. */
const CANCELLED = { fromMs: 2_000, spreadMs: 4_000 };

const pending = new Array(timers).fill(undefined);
const half = timers / 2;
let fired = 0;
let allFired;

function fire() {
  fired += 1;
  if (fired === half) allFired();
}

await addCancelFire(); // The first time warms up.
const costs = await addCancelFire();
answer({ backend, ...costs, heapBytes: heapPerTimer() });

async function addCancelFire() {
  fired = 0;
  const end = new Promise((resolve) => {
    allFired = resolve;
  });
  const marks = [cpuNs()];
  addAll();
  marks.push(cpuNs());
  for (let at = 0; at < timers; at += 2) cancel(pending[at]);
  marks.push(cpuNs());
  await end;
  marks.push(cpuNs());
  const [addNs, cancelNs, fireNs] = [1, 2, 3].map((at) => marks[at] - marks[at - 1]);
  if (fired !== half) throw new Error(`${half} timers were to fire, and ${fired} did`);
  return { addNs: addNs / timers, cancelNs: cancelNs / half, fireNs: fireNs / half };
}

function addAll() {
  for (let at = 0; at < timers; at += 1) {
    const { fromMs, spreadMs } = at % 2 === 0 ? CANCELLED : FIRING;
    pending[at] = add(fromMs + ((at >> 1) % spreadMs), fire);
  }
}

/** Apart from what is timed, because a collection goes on in threads of its own when it returns. */
function heapPerTimer() {
  pending.fill(undefined);
  const before = heapBytes();
  addAll();
  const after = heapBytes();
  for (const timer of pending) cancel(timer);
  return (after - before) / timers;
}

function heapBytes() {
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function timing() {
  if (kind === 'setTimeout') {
    return {
      backend: 'node',
      add: (delayMs, callback) => setTimeout(callback, delayMs),
      cancel: clearTimeout,
    };
  }
  const { IOLoop } = await import('@landspout/ioloop');
  const loop = IOLoop.current();
  return {
    backend: loop.backend,
    add: (delayMs, callback) => loop.callLater(delayMs, callback),
    cancel: (timer) => loop.removeTimeout(timer),
  };
}
