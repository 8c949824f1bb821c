// Many pending timers: the cost to add them, to cancel half, and to let the other half fire; and the heap they hold.
import { cpuNs, report, settings } from '../../program.mjs';

const { kind, timers } = settings;
const { add, cancel, backend } = await timing();
/** Those that fire, spread so that about a hundred of 100,000 share a millisecond. */
const FIRING = { fromMs: 500, spreadMs: 500 };
/** Those that are cancelled, like the timeouts of requests that get their response in time. */
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
report({ backend, ...costs, heapBytes: heapPerTimer() });

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
  const each = { addNs: addNs / timers, cancelNs: cancelNs / half, fireNs: fireNs / half };
  return { count: timers, cpuNs: marks[3] - marks[0], ...each };
}

function addAll() {
  for (let at = 0; at < timers; at += 1) {
    const { fromMs, spreadMs } = at % 2 === 0 ? CANCELLED : FIRING;
    pending[at] = add(fromMs + ((at >> 1) % spreadMs), fire);
  }
}

/** Apart from what is timed, because threads go on with a collection after it returns. */
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
    const add = (delayMs, callback) => setTimeout(callback, delayMs);
    return { backend: 'node', add, cancel: clearTimeout };
  }
  const { IOLoop } = await import('@landspout/ioloop');
  const loop = IOLoop.current();
  const add = (delayMs, callback) => loop.callLater(delayMs, callback);
  return { backend: loop.backend, add, cancel: (timer) => loop.removeTimeout(timer) };
}
