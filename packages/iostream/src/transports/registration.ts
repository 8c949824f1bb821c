import type { Descriptor, Reactor, ReadyHandler } from '@landspout/ioloop/reactor';

/** Event bits of epoll. */
export const READABLE = 0x01;
export const WRITABLE = 0x04;
const HUNG_UP = 0x10;
/** Reported even if they are not asked for. */
export const BROKEN = 0x08 | HUNG_UP;
/** If the writer of a pipe has closed, epoll reports a hang-up but not readability; a read then returns the end. */
export const TO_READ = READABLE | HUNG_UP;

/**
 * Of a reader after the end of the peer's side: a half-closed peer can still reset the connection, so the descriptor stays
 * registered for that event alone.
 */
export const ONLY_BROKEN = 0;
/**
 * Not registered with the reactor at all, as while a transport is paused: a hang-up cannot be masked, and would wake the
 * loop again and again.
 */
export const UNWATCHED = -1;

/** Adds what a blocked writer waits for to the events of the reader, which may be {@link UNWATCHED}. */
export function alsoWritable(events: number): number {
  return (events === UNWATCHED ? 0 : events) | WRITABLE;
}

/**
 * Changes the events for which a descriptor is registered.
 *
 * @param before - the events until now, or {@link UNWATCHED}.
 * @param wanted - the events from now on, or {@link UNWATCHED}.
 * @returns `wanted`.
 */
export function changeEvents(
  reactor: Reactor,
  descriptor: Descriptor & ReadyHandler,
  before: number,
  wanted: number,
): number {
  if (wanted === before) return wanted;
  if (wanted === UNWATCHED) reactor.unregister(descriptor);
  else if (before === UNWATCHED) reactor.register(descriptor, wanted, descriptor);
  else reactor.modify(descriptor, wanted);
  return wanted;
}

/** Ends the registration, if there is one, and closes the descriptor. */
export function closeDescriptor(reactor: Reactor, descriptor: Descriptor): void {
  reactor.forget(descriptor);
  reactor.binding.close(descriptor.slot, descriptor.generation);
}
