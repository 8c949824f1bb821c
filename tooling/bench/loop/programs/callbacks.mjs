// Callbacks, again and again: in bursts that one turn of Node's loop runs, or in a chain where each adds the next.
import { AsyncLocalStorage } from 'node:async_hooks';
import { measure, report, settings } from '../../program.mjs';

const { kind, burst, inContext } = settings;
/** Microtasks that add microtasks would never let the loop turn: after this many the next one comes a turn later. */
const MICROTASKS_PER_TURN = 1000;
const { add, backend } = await adder();

// Made only if it is asked for: from its first use on it makes every promise and callback cost more.
const storage = inContext ? new AsyncLocalStorage() : undefined;
const store = { name: 'the context of the row' };
let ran = 0;
let added = 0;
let finish;

function callback() {
  ran += 1;
  if (ran === added) goOn();
}

function goOn() {
  if (storage !== undefined && storage.getStore() !== store) throw new Error('a callback lost its context');
  if (finish !== undefined) finish();
  else if (kind === 'queueMicrotask' && ran % MICROTASKS_PER_TURN === 0) setImmediate(fill);
  else fill();
}

function fill() {
  added += burst;
  for (let count = 0; count < burst; count += 1) add(callback);
}

if (storage === undefined) fill();
else storage.run(store, fill);
const measured = await measure(() => ran);
await new Promise((resolve) => {
  finish = resolve;
});
if (ran !== added) throw new Error(`${added} callbacks were added, and ${ran} ran`);
report({ backend, ...measured });

async function adder() {
  if (kind === 'setImmediate') return { backend: 'node', add: setImmediate };
  if (kind === 'queueMicrotask') return { backend: 'node', add: queueMicrotask };
  // Imported only here, so that the rows of Node are Node alone.
  const { IOLoop } = await import('@landspout/ioloop');
  const loop = IOLoop.current();
  return { backend: loop.backend, add: (callback) => loop.addCallback(callback) };
}
