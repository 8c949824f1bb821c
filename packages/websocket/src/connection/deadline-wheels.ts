import { type Clock, consoleLogger } from '@landspout/ioloop';
import { DeadlineWheel } from '@landspout/ioloop/reactor';

/** How late a ping, or the end of a patience, may come. */
const TICK_MS = 100;

const wheels = new WeakMap<Clock, DeadlineWheel>();

/** The wheel that all connections on `clock` share: one timer, however many there are. */
export function wheelOf(clock: Clock): DeadlineWheel {
  let wheel = wheels.get(clock);
  if (wheel === undefined) {
    wheel = new DeadlineWheel(clock, consoleLogger, TICK_MS);
    wheels.set(clock, wheel);
  }
  return wheel;
}
