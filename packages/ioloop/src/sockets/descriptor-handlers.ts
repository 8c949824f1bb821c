import { AsyncResource } from 'node:async_hooks';
import { closeSync } from 'node:fs';
import { loopChecks } from '../checks.ts';
import { LoopClosedError, LoopUsageError } from '../loop-errors.ts';
import { runInContextOf } from '../node-async-context.ts';
import { checked, type Descriptor, type Reactor, type ReadyHandler } from '../reactor/reactor.ts';
import { callReporting } from '../thenable.ts';
import { Socket, whenClosed } from './socket.ts';

/** The events that a handler may ask for, as epoll's bits; what goes wrong is reported without being asked for. */
export const READ = 0x01;
export const WRITE = 0x04;
export const ERROR = 0x18;

/** Readable, writable, error and hang-up; epoll's other bits are not the caller's business. */
const ALL = READ | WRITE | ERROR;

/** Hears that a descriptor is ready: which, and the event bits of `IOLoop`. */
export type ReadinessHandler<Target = number | Socket> = (target: Target, events: number) => unknown;

/** The descriptors of one loop and who hears of each. */
export class DescriptorHandlers {
  readonly #reactor: Reactor;
  readonly #report: (error: unknown) => void;
  readonly #watches = new Map<number | Socket, DescriptorWatch>();

  constructor(reactor: Reactor, report: (error: unknown) => void) {
    this.#reactor = reactor;
    this.#report = report;
  }

  add<Target extends number | Socket>(
    target: Target,
    events: number,
    handler: ReadinessHandler<Target>,
  ): void {
    requireEvents(events, 'addHandler');
    if (this.#watches.has(target)) {
      throw new LoopUsageError(
        'ERR_LOOP_ALREADY_REGISTERED',
        'addHandler: the descriptor already has a handler',
      );
    }
    const context = new AsyncResource('LandspoutHandler');
    const run = (ready: number): void =>
      runInContextOf(context, () => callReporting(handler, [target, ready], this.#report), undefined);
    const forget = (): void => void this.#watches.delete(target);
    this.#watches.set(target, new DescriptorWatch(this.#reactor, target, events, run, forget));
  }

  update(target: number | Socket, events: number): void {
    requireEvents(events, 'updateHandler');
    const watch = this.#watches.get(target);
    if (watch === undefined) {
      if (target instanceof Socket && target.closed) {
        throw new LoopClosedError('updateHandler: the socket is closed');
      }
      throw new LoopUsageError('ERR_LOOP_NOT_REGISTERED', 'updateHandler: the descriptor has no handler');
    }
    watch.update(events);
  }

  remove(target: number | Socket): void {
    this.#watches.get(target)?.close();
    this.#watches.delete(target);
  }

  /** Removes every handler; with `allFds` also closes what they watched. */
  close(allFds: boolean): void {
    const targets = [...this.#watches.keys()];
    for (const target of targets) {
      this.remove(target);
      if (!allFds) continue;
      try {
        if (typeof target === 'number') closeSync(target);
        else if (!target.closed) target.close();
      } catch (error) {
        // The owner of this number closed it before. That must not keep the others open.
        this.#report(error);
      }
    }
  }
}

function requireEvents(events: number, operation: string): void {
  if (Number.isInteger(events) && events > 0 && events <= ALL && (events & ~ALL) === 0) return;
  throw loopChecks.wrong(operation, 'IOLoop.READ and IOLoop.WRITE', events);
}

/** One descriptor that `IOLoop.addHandler` watches. It keeps the process alive until it or its socket is closed. */
class DescriptorWatch implements ReadyHandler {
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
    this.#run(events & ALL);
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

/** Most that a descriptor's number can be. */
const MOST_DESCRIPTOR = 0x7fffffff;

function openDescriptor(target: unknown): Descriptor {
  if (!(target instanceof Socket)) {
    throw loopChecks.wrong('addHandler', 'a descriptor or a Socket', target);
  }
  if (target.closed) throw new LoopClosedError('addHandler: the socket is closed');
  return target.descriptor;
}

function duplicate(reactor: Reactor, fd: number): Descriptor {
  if (!Number.isInteger(fd) || fd < 0 || fd > MOST_DESCRIPTOR) {
    throw loopChecks.wrong('addHandler', 'the number of a descriptor', fd);
  }
  const slot = checked(reactor.binding.adopt(fd, false), 'fcntl', `descriptor ${fd}`);
  return { slot, generation: reactor.binding.generation(slot) };
}
