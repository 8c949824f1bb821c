// The stopping/ folder stops a server: it has the options and phases of a stop, handles the signals that start it, and
// counts how the connections ended.

import { HTTPClosedError } from '@landspout/http1';
import type { DetachedStream, Drain, ServedConnection } from '@landspout/http1/server';
import type { IOLoop } from '@landspout/ioloop';
import { DetachedStreams } from './detached-streams.ts';
import type { StopOptions, StopResult } from './stop-options.ts';

/**
 * How long new owners of streams have to close them before `drainMs` ends: the default of `closeTimeoutMs` of
 * WebSockets.
 */
const CLOSING_MS = 5_000;

/** What a drain needs from the listeners of its server. */
export interface DrainedListener {
  /** The number of accepted connections that are still in a handshake. */
  pendingConnections(): number;
  stopListening(): Promise<void>;
  closePending(): void;
}

/**
 * Stops a server, and tracks its phase, its remaining connections, and how each connection ended.
 *
 *     serving ──stop──▶ grace ──acceptMs, graceMs──▶ draining ──drainMs, or nothing is left──▶ stopped ──listen──▶ serving
 */
export class ServerDrain implements Drain {
  phase: Drain['phase'] = 'serving';
  graceMs = 0;
  listenerGone = false;
  readonly #loop: IOLoop;
  readonly #connections = new Set<ServedConnection>();
  readonly #detached: DetachedStreams;
  #whenOneEnds: (() => void) | undefined;
  /** Ends the time in which the stopping server still accepts connections. */
  #endAccepting: (() => void) | undefined;
  #stopController: AbortController | undefined;
  /**
   * How connections ended since the stop started. All connections that are open when {@link cut} is called are counted
   * as cut.
   */
  #ends = { finished: 0, idle: 0, cut: 0 };
  #isCut = false;

  constructor(loop: IOLoop) {
    this.#loop = loop;
    this.#detached = new DetachedStreams(loop, () => this.#ended(true));
  }

  /** The number of open connections that use HTTP. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  get signal(): AbortSignal {
    if (this.#stopController === undefined) {
      this.#stopController = new AbortController();
      if (this.phase !== 'serving') this.#stopController.abort(stoppingError());
    }
    return this.#stopController.signal;
  }

  add(connection: ServedConnection): void {
    this.#connections.add(connection);
  }

  connectionEnded(connection: ServedConnection, detached: DetachedStream | undefined): void {
    this.#connections.delete(connection);
    if (detached?.onStopping !== undefined) this.#detached.add(detached.stream, detached.onStopping);
    else this.#ended(detached !== undefined || connection.respondedWhileStopping);
  }

  /** Must be called when all listeners are closed. From then on, requests in progress keep the process alive. */
  listenerClosed(): void {
    this.listenerGone = true;
    for (const connection of this.#connections) connection.keepProcessAlive();
  }

  /** Must be called when the server starts to listen, for the first time or after a stop. */
  serve(): void {
    this.phase = 'serving';
    this.listenerGone = false;
    this.#detached.endNotices();
    if (this.#stopController?.signal.aborted) this.#stopController = undefined;
  }

  /** Goes through all phases. @returns how the connections ended. Resolves when none is left. */
  async stop(listener: DrainedListener, options: Required<StopOptions>): Promise<StopResult> {
    const { acceptMs, graceMs, drainMs, final, closesPerSecond, random } = options;
    const { clock } = this.#loop;
    const startedAt = clock.now();
    this.#ends = { finished: 0, idle: 0, cut: 0 };
    this.#isCut = false;
    this.phase = 'grace';
    this.graceMs = graceMs;
    this.#stopController?.abort(stoppingError());
    if (acceptMs > 0) await this.#accepting(acceptMs);
    const withinMs = Math.max(0, drainMs - acceptMs - CLOSING_MS);
    this.#detached.notify({ final, closesPerSecond, random, withinMs });
    await listener.stopListening();
    await this.#emptied(graceMs, () => listener.pendingConnections());
    this.phase = 'draining';
    listener.closePending();
    for (const connection of this.#connections) connection.closeWhenIdle();
    await this.#emptied(drainMs - (clock.now() - startedAt), () => 0);
    const reason = 'the server stopped before the response was complete';
    await this.cut('reset', new HTTPClosedError('ERR_HTTP_STOPPING', reason));
    this.phase = 'stopped';
    return this.#ends;
  }

  /** Closes or resets all remaining connections. Resolves when they have ended and their delegates were notified. */
  async cut(how: 'reset' | 'close', reason: HTTPClosedError): Promise<void> {
    if (!this.#isCut) this.#ends.cut = this.#size;
    this.#isCut = true;
    this.#endAccepting?.();
    const { streams } = this.#detached;
    for (const { stream } of this.#connections) streams.push(stream);
    for (const stream of streams) stream[how](reason);
    await Promise.all(streams.map((stream) => stream.waitClosed()));
  }

  /** @param responded - whether a request was completed after the stop started. */
  #ended(responded: boolean): void {
    if (!this.#isCut) this.#ends[responded ? 'finished' : 'idle'] += 1;
    this.#whenOneEnds?.();
  }

  /** The number of connections for which a stop waits. */
  get #size(): number {
    return this.#connections.size + this.#detached.size;
  }

  /** Resolves after `acceptMs`, or when all connections are cut. */
  #accepting(acceptMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#loop.clock.setTimeout(resolve, acceptMs);
      this.#endAccepting = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  /**
   * Resolves when no connection is left, or after `withinMs`.
   *
   * @param others - returns the number of other things to wait for, such as handshakes.
   */
  #emptied(withinMs: number, others: () => number): Promise<void> {
    const isEmpty = () => this.#size === 0 && others() === 0;
    if (isEmpty()) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#loop.clock.setTimeout(resolve, Math.max(0, withinMs));
      this.#whenOneEnds = () => {
        if (!isEmpty()) return;
        timer.cancel();
        resolve();
      };
    });
  }
}

function stoppingError(): HTTPClosedError {
  return new HTTPClosedError('ERR_HTTP_STOPPING', 'the server is stopping');
}
