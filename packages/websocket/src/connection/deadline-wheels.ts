import { type Clock, consoleLogger } from '@landspout/ioloop';
import { DeadlineWheel } from '@landspout/ioloop/reactor';

/** Maximum delay of a ping or a timeout. */
const TICK_MS = 100;

const wheels = new WeakMap<Clock, DeadlineWheel>();

/** Returns the wheel that all connections on `clock` share, so that they need only one timer. */
export function wheelOf(clock: Clock): DeadlineWheel {
  let wheel = wheels.get(clock);
  if (wheel === undefined) {
    wheel = new DeadlineWheel(clock, consoleLogger, TICK_MS);
    wheels.set(clock, wheel);
  }
  return wheel;
}
