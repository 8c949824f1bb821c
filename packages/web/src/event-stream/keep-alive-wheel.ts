import type { Clock, Logger } from '@landspout/ioloop';
import { DeadlineWheel } from '@landspout/ioloop/reactor';

const wheels = new WeakMap<Clock, DeadlineWheel>();

/** Returns the wheel that all event streams on `clock` share, so that they need only one timer. */
export function wheelOf(clock: Clock, logger: Logger): DeadlineWheel {
  let wheel = wheels.get(clock);
  if (wheel === undefined) {
    wheel = new DeadlineWheel(clock, logger);
    wheels.set(clock, wheel);
  }
  return wheel;
}
