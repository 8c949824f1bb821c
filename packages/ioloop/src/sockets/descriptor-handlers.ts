import { AsyncResource } from 'node:async_hooks';
import { closeSync } from 'node:fs';
import { loopChecks } from '../checks.ts';
import { LoopClosedError, LoopUsageError } from '../loop-errors.ts';
import { runInContextOf } from '../node-async-context.ts';
import { checked, type Descriptor, type Reactor, type ReadyHandler } from '../reactor/reactor.ts';
import { callReporting } from '../thenable.ts';
import { Socket, whenClosed } from './socket.ts';

/** The events that a handler can ask for, as epoll bits. ERROR is always reported. */
export const READ = 0x01;
export const WRITE = 0x04;
export const ERROR = 0x18;

/** Readable, writable, error and hang-up. Other epoll bits are not passed to handlers. */
const ALL = READ | WRITE | ERROR;

/** Called when a descriptor is ready, with the target and the event bits of `IOLoop`. */
export type ReadinessHandler<Target = number | Socket> = (target: Target, events: number) => unknown;

/** The watched descriptors of one loop, with their handlers. */
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

  /** Removes every handler. With `allFds`, also closes what they watched. */
  close(allFds: boolean): void {
    const targets = [...this.#watches.keys()];
    for (const target of targets) {
      this.remove(target);
      if (!allFds) continue;
      try {
        if (typeof target === 'number') closeSync(target);
        else if (!target.closed) target.close();
      } catch (error) {
        // The caller has already closed this descriptor. The others must still be closed.
        this.#report(error);
      }
    }
  }
}

function requireEvents(events: number, operation: string): void {
  if (Number.isInteger(events) && events > 0 && events <= ALL && (events & ~ALL) === 0) return;
  throw loopChecks.wrong(operation, 'events: IOLoop.READ, IOLoop.WRITE or both', events);
}

/** A descriptor that `IOLoop.addHandler` watches. Keeps the process alive until this or the socket is closed. */
class DescriptorWatch implements ReadyHandler {
  readonly #reactor: Reactor;
  readonly #descriptor: Descriptor;
  /** If this is a number, the caller owns it, and our slot is a duplicate that is closed together with the watch. */
  readonly #target: number | Socket;
  readonly #run: (events: number) => void;
  #open = true;

  /** @param onClosed - called after the socket has been closed, which ends the watch. */
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
      // Closing the socket ends the watch, so this must no longer keep the process alive.
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
    // Closing has already removed the registration, and the slot may have been reused since.
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
        throw new LoopUsageError(
          'ERR_LOOP_ALREADY_REGISTERED',
          'addHandler: the socket is already watched by a selector',
          {
            cause: error,
          },
        );
      }
      throw error;
    }
  }
}

/** The largest possible descriptor number. */
const MOST_DESCRIPTOR = 0x7fffffff;

function openDescriptor(target: unknown): Descriptor {
  if (!(target instanceof Socket)) {
    throw loopChecks.wrong('addHandler', 'a descriptor number or a Socket', target);
  }
  if (target.closed) throw new LoopClosedError('addHandler: the socket is closed');
  return target.descriptor;
}

function duplicate(reactor: Reactor, fd: number): Descriptor {
  if (!Number.isInteger(fd) || fd < 0 || fd > MOST_DESCRIPTOR) {
    throw loopChecks.wrong('addHandler', 'a descriptor number', fd);
  }
  const slot = checked(reactor.binding.adopt(fd, false), 'fcntl', `descriptor ${fd}`);
  return { slot, generation: reactor.binding.generation(slot) };
}
