// The stopping room knows everything about how a server stops: its options, its phases, the signals that begin it, and
// how each connection ended. It does not know requests.

import { HTTPClosedError } from '@landspout/http1';
import type { DetachedStream, Drain, ServedConnection } from '@landspout/http1/server';
import type { IOLoop } from '@landspout/ioloop';
import type { IOStream } from '@landspout/iostream';
import type { StopOptions, StopResult } from './stop-options.ts';

/** What a drain does with the listeners of its server. */
export interface DrainedListener {
  /** Connections that were accepted, and are in a handshake. */
  pendingConnections(): number;
  stopListening(): Promise<void>;
  closePending(): void;
}

/**
 * The connections of a server, and how it stops: which of the phases it is in, what is left, and how each ended.
 *
 *     serving ──stop──▶ grace ──graceMs──▶ draining ──drainMs, or nothing is left──▶ stopped ──listen──▶ serving
 */
export class ServerDrain implements Drain {
  phase: Drain['phase'] = 'serving';
  graceMs = 0;
  listenerGone = false;
  readonly #loop: IOLoop;
  readonly #connections = new Set<ServedConnection>();
  /** Streams that delegates have taken over and want to close in their own way, and what tells them to. */
  readonly #detached = new Map<IOStream, () => void>();
  #whenOneEnds: (() => void) | undefined;
  #stopController: AbortController | undefined;
  /** How connections ended since the stop began; what ends after the cut is the cut's. */
  #ends = { finished: 0, idle: 0, cut: 0 };
  #isCut = false;

  constructor(loop: IOLoop) {
    this.#loop = loop;
  }

  /** Connections that speak HTTP now. */
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
    if (detached?.onStopping !== undefined) this.#keep(detached.stream, detached.onStopping);
    else this.#ended(detached !== undefined || connection.answeredWhileStopping);
  }

  /** Nothing listens any more: requests under way keep the process alive by themselves. */
  listenerClosed(): void {
    this.listenerGone = true;
    for (const connection of this.#connections) connection.keepProcessAlive();
  }

  /** The server listens, perhaps again after a stop. */
  serve(): void {
    this.phase = 'serving';
    this.listenerGone = false;
    if (this.#stopController?.signal.aborted) this.#stopController = undefined;
  }

  /** Goes through all phases. @returns how the connections ended, when none is left. */
  async stop(listener: DrainedListener, { graceMs, drainMs }: Required<StopOptions>): Promise<StopResult> {
    const { clock } = this.#loop;
    const startedAt = clock.now();
    this.#ends = { finished: 0, idle: 0, cut: 0 };
    this.#isCut = false;
    this.phase = 'grace';
    this.graceMs = graceMs;
    this.#stopController?.abort(stoppingError());
    for (const onStopping of this.#detached.values()) this.#loop.addCallback(onStopping);
    await listener.stopListening();
    await this.#emptied(graceMs, () => listener.pendingConnections());
    this.phase = 'draining';
    listener.closePending();
    for (const connection of this.#connections) connection.closeWhenIdle();
    await this.#emptied(drainMs - (clock.now() - startedAt), () => 0);
    const reason = 'the server stopped before the answer was complete';
    await this.cut('reset', new HTTPClosedError('ERR_HTTP_STOPPING', reason));
    this.phase = 'stopped';
    return this.#ends;
  }

  /** Ends what is left. Settles when all have ended, and their delegates were notified. */
  async cut(how: 'reset' | 'close', reason: HTTPClosedError): Promise<void> {
    if (!this.#isCut) this.#ends.cut = this.#size;
    this.#isCut = true;
    const streams = [...this.#detached.keys()];
    for (const { stream } of this.#connections) streams.push(stream);
    for (const stream of streams) stream[how](reason);
    await Promise.all(streams.map((stream) => stream.waitClosed()));
  }

  /** @param answered - whether a request was answered after the stop began. */
  #ended(answered: boolean): void {
    if (!this.#isCut) this.#ends[answered ? 'finished' : 'idle'] += 1;
    this.#whenOneEnds?.();
  }

  #keep(stream: IOStream, onStopping: () => void): void {
    this.#detached.set(stream, onStopping);
    stream.setCloseCallback(() => {
      this.#detached.delete(stream);
      this.#ended(true);
    });
    // Taken over while the server was stopping already: told as soon as its new owner is ready.
    if (this.phase !== 'serving') this.#loop.addCallback(onStopping);
    this.#whenOneEnds?.();
  }

  /** What a stop waits for. */
  get #size(): number {
    return this.#connections.size + this.#detached.size;
  }

  /** Settles when nothing is left, or after a while. @param others - what else is waited for, such as handshakes. */
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
