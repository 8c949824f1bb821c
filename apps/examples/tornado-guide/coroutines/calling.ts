// How to call a coroutine, and where its errors go.
import { IOLoop, sleep } from 'landspout';

async function divide(x: number, y: number): Promise<number> {
  await sleep(1);
  if (y === 0) throw new RangeError('division by zero');
  return x / y;
}

async function main(): Promise<string> {
  console.log(`six by three: ${await divide(6, 3)}`);
  try {
    await divide(1, 0);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.log('an error reaches the caller that awaits');
  }

  // Nothing waits for this call. The loop logs its error.
  IOLoop.current().addCallback(divide, 1, 0);
  await sleep(50);
  return 'the program goes on';
}

console.log(await IOLoop.current().run(main));
