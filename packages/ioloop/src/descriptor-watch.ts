import type { Descriptor, Reactor, ReadyHandler } from './reactor.ts';
import { checked } from './reactor.ts';
import type { Socket } from './socket.ts';

/** Hears that a descriptor is ready: which, and the event bits of `IOLoop`. */
export type ReadinessHandler<Target = number | Socket> = (target: Target, events: number) => unknown;

/** One descriptor that `IOLoop.addHandler` watches. It keeps the process alive until closed. */
export class DescriptorWatch implements ReadyHandler {
  readonly #reactor: Reactor;
  readonly #descriptor: Descriptor;
  /** A number is the caller's, and our slot is a duplicate of it, to be closed with the watch. */
  readonly #target: number | Socket;
  readonly #run: (events: number) => void;
  #open = true;

  constructor(reactor: Reactor, target: number | Socket, events: number, run: (events: number) => void) {
    this.#reactor = reactor;
    this.#run = run;
    this.#target = target;
    this.#descriptor = typeof target === 'number' ? duplicate(reactor, target) : target.descriptor;
    try {
      reactor.register(this.#descriptor, events, this);
    } catch (error) {
      if (typeof target === 'number')
        reactor.binding.close(this.#descriptor.slot, this.#descriptor.generation);
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
    if (typeof this.#target === 'number') {
      this.#reactor.forget(this.#descriptor);
      this.#reactor.binding.close(slot, generation);
    } else if (this.#target.closed) {
      // It took its registration with it, and its slot may be another's by now.
      this.#reactor.forget(this.#descriptor);
    } else {
      this.#reactor.unregister(this.#descriptor);
    }
  }
}

/** Readable, writable, error and hang-up; epoll's other bits are not the caller's business. */
const REPORTED_EVENTS = 0x01 | 0x04 | 0x08 | 0x10;

function duplicate(reactor: Reactor, fd: number): Descriptor {
  const slot = checked(reactor.binding.adopt(fd, false), 'fcntl', `descriptor ${fd}`);
  return { slot, generation: reactor.binding.generation(slot) };
}
