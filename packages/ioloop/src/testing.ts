/**
 * Helpers for tests of programs that stand on the loop.
 *
 * @packageDocumentation
 */
export { VirtualClock } from './virtual-clock.ts';
