import type { Descriptor, Reactor, ReadyHandler } from './reactor.ts';
import { checked } from './reactor.ts';
import type { Socket } from './socket.ts';

/** Hears that a descriptor is ready: which, and the event bits of `IOLoop`. */
export type ReadinessHandler<Target = number | Socket> = (target: Target, events: number) => unknown;

/** One descriptor that `IOLoop.addHandler` watches. It keeps the process alive until closed. */
export class DescriptorWatch implements ReadyHandler {
  readonly #reactor: Reactor;
  readonly #descriptor: Descriptor;
  /** Whether the slot is a duplicate of a number that the caller owns, to be closed with the watch. */
  readonly #duplicated: boolean;
  readonly #run: (events: number) => void;
  #open = true;

  constructor(reactor: Reactor, target: number | Socket, events: number, run: (events: number) => void) {
    this.#reactor = reactor;
    this.#run = run;
    this.#duplicated = typeof target === 'number';
    this.#descriptor = typeof target === 'number' ? duplicate(reactor, target) : target.descriptor;
    try {
      reactor.register(this.#descriptor, events, this);
    } catch (error) {
      if (this.#duplicated) reactor.binding.close(this.#descriptor.slot, this.#descriptor.generation);
      throw error;
    }
    reactor.ref();
  }

  ready(events: number): void {
    this.#run(events & REPORTED_EVENTS);
  }

  update(events: number): void {
    this.#reactor.modify(this.#descriptor, events);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#reactor.unref();
    const { slot, generation } = this.#descriptor;
    if (this.#duplicated) {
      this.#reactor.forget(this.#descriptor);
      this.#reactor.binding.close(slot, generation);
    } else if (isLive(this.#reactor, this.#descriptor)) {
      this.#reactor.unregister(this.#descriptor);
    } else {
      this.#reactor.forget(this.#descriptor);
    }
  }
}

/** Readable, writable, error and hang-up; epoll's other bits are not the caller's business. */
const REPORTED_EVENTS = 0x01 | 0x04 | 0x08 | 0x10;

function duplicate(reactor: Reactor, fd: number): Descriptor {
  const slot = checked(reactor.binding.adopt(fd, false), 'fcntl', `descriptor ${fd}`);
  return { slot, generation: reactor.binding.generation(slot) };
}

/** A closed socket took its registration with it; its slot may be another's by now. */
function isLive(reactor: Reactor, descriptor: Descriptor): boolean {
  return reactor.binding.generation(descriptor.slot) === descriptor.generation;
}
