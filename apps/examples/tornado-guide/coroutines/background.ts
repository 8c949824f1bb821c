// Work at intervals: a loop with a clock of its own, and a periodic callback.
import { Event, PeriodicCallback, sleep } from 'landspout';

const INTERVAL_MS = 10;

async function countToThree(): Promise<void> {
  for (let number = 1; number <= 3; number += 1) {
    const interval = sleep(INTERVAL_MS); // starts the clock
    console.log(`loop: ${number}`);
    await interval;
  }
}

await countToThree();

const done = new Event();
let number = 0;

const periodic = new PeriodicCallback(() => {
  number += 1;
  console.log(`periodic: ${number}`);
  if (number === 3) {
    periodic.stop();
    done.set();
  }
}, INTERVAL_MS);
periodic.start();
await done.wait();
