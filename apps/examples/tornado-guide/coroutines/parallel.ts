// Several coroutines at once.
import { Event, LoopTimeoutError, multi, WaitIterator, withTimeout } from 'landspout';

function slowAndFast(): [Promise<string>, Promise<string>] {
  const ready = new Event();

  async function slow(): Promise<string> {
    await ready.wait();
    return 'slow';
  }

  async function fast(): Promise<string> {
    ready.set();
    return 'fast';
  }

  return [slow(), fast()];
}

const [first, second] = await multi(slowAndFast());
console.log(`in the order of the list: ${first}, ${second}`);

const [a, b] = slowAndFast();
const results = await multi({ a, b });
console.log(`by key: a is ${results.a}, b is ${results.b}`);

for await (const { key, ...outcome } of new WaitIterator(slowAndFast())) {
  const result = outcome.status === 'fulfilled' ? outcome.value : outcome.reason;
  console.log(`as they end: ${result}, number ${key}`);
}

try {
  await withTimeout((signal) => new Event().wait({ signal }), { timeoutMs: 10 });
} catch (error) {
  if (!(error instanceof LoopTimeoutError)) throw error;
  console.log('too late');
}
