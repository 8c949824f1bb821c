/**
 * Helpers for testing programs that use the loop.
 *
 * @packageDocumentation
 */

export {
  type ChildEnd,
  type DoorPairOptions,
  doorPair,
  type ParentEnd,
} from './door-pair.ts';
export { VirtualClock } from './virtual-clock.ts';
