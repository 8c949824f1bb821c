import { usage } from '../checks.ts';
import { LoopClosedError, LoopUsageError } from '../loop-errors.ts';
import type { Descriptor, Reactor, ReadyHandler } from '../reactor/reactor.ts';
import { checked } from '../reactor/reactor.ts';
import { Socket, whenClosed } from './socket.ts';

/** Hears that a descriptor is ready: which, and the event bits of `IOLoop`. */
export type ReadinessHandler<Target = number | Socket> = (target: Target, events: number) => unknown;

/** One descriptor that `IOLoop.addHandler` watches. It keeps the process alive until it or its socket is closed. */
export class DescriptorWatch implements ReadyHandler {
  readonly #reactor: Reactor;
  readonly #descriptor: Descriptor;
  /** A number is the caller's, and our slot is a duplicate of it, to be closed with the watch. */
  readonly #target: number | Socket;
  readonly #run: (events: number) => void;
  #open = true;

  /** @param onClosed - called when the socket was closed, which has ended the watching. */
  constructor(
    reactor: Reactor,
    target: number | Socket,
    events: number,
    run: (events: number) => void,
    onClosed: () => void,
  ) {
    this.#reactor = reactor;
    this.#run = run;
    this.#target = target;
    if (typeof target === 'number') {
      this.#descriptor = duplicate(reactor, target);
      this.#register(events);
    } else {
      this.#descriptor = openDescriptor(target);
      this.#register(events);
      // Its close ends the watching, and what is not watched keeps nothing alive.
      whenClosed(target, () => {
        this.close();
        onClosed();
      });
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
      return;
    }
    whenClosed(this.#target, undefined);
    // A close took the registration with it, and the slot may be another's by now.
    if (this.#target.closed) this.#reactor.forget(this.#descriptor);
    else this.#reactor.unregister(this.#descriptor);
  }

  #register(events: number): void {
    try {
      this.#reactor.register(this.#descriptor, events, this);
    } catch (error) {
      if (typeof this.#target === 'number') {
        this.#reactor.binding.close(this.#descriptor.slot, this.#descriptor.generation);
      } else if ((error as { code?: unknown }).code === 'EEXIST') {
        throw new LoopUsageError('ERR_LOOP_ALREADY_REGISTERED', 'addHandler: a selector watches the socket', {
          cause: error,
        });
      }
      throw error;
    }
  }
}

/** Readable, writable, error and hang-up; epoll's other bits are not the caller's business. */
const REPORTED_EVENTS = 0x01 | 0x04 | 0x08 | 0x10;

/** Most that a descriptor's number can be. */
const MOST_DESCRIPTOR = 0x7fffffff;

function openDescriptor(target: unknown): Descriptor {
  if (!(target instanceof Socket)) {
    throw usage('addHandler', 'a descriptor or a Socket', target);
  }
  if (target.closed) throw new LoopClosedError('addHandler: the socket is closed');
  return target.descriptor;
}

function duplicate(reactor: Reactor, fd: number): Descriptor {
  if (!Number.isInteger(fd) || fd < 0 || fd > MOST_DESCRIPTOR) {
    throw usage('addHandler', 'the number of a descriptor', fd);
  }
  const slot = checked(reactor.binding.adopt(fd, false), 'fcntl', `descriptor ${fd}`);
  return { slot, generation: reactor.binding.generation(slot) };
}
