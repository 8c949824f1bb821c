import { AsyncResource } from 'node:async_hooks';
import { closeSync } from 'node:fs';
import { usage } from '../checks.ts';
import { LoopClosedError, LoopUsageError } from '../loop-errors.ts';
import { runInContextOf } from '../node-async-context.ts';
import type { Reactor } from '../reactor/reactor.ts';
import { callReporting } from '../thenable.ts';
import { DescriptorWatch, type ReadinessHandler } from './descriptor-watch.ts';
import { Socket } from './socket.ts';

/** The events that a handler may ask for, as epoll's bits; what goes wrong is reported without being asked for. */
export const READ = 0x01;
export const WRITE = 0x04;
export const ERROR = 0x18;

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
  throw usage(operation, 'IOLoop.READ and IOLoop.WRITE', events);
}

const ALL = READ | WRITE | ERROR;
