import { type Clock, type ClockTimer, SystemError } from '@landspout/ioloop';
import { onAbort } from '@landspout/ioloop/reactor';
import { type AddressFamily, targetName } from '../addresses/net-address.ts';
import { ConnectError } from '../errors.ts';
import type { Transport } from '../transport.ts';

/** The Connection Attempt Delay that RFC 8305 §8 recommends; the RFC allows 100 ms to 2 s. */
const ATTEMPT_DELAY_MS = 250;

/**
 * Maximum number of simultaneous attempts, each of which uses a file descriptor. Only a host with more than 16
 * unresponsive addresses reaches it; the oldest attempt, started 4 s earlier, is then abandoned to make room for the
 * next.
 */
const MAX_ATTEMPTS = 16;

/** One numeric address of the host. */
export interface ConnectCandidate {
  readonly address: string;
  readonly family: AddressFamily;
  readonly port: number;
}

/**
 * Connects to the first of several addresses that accepts (RFC 8305 §5). Addresses are tried in order, alternating
 * between IPv6 and IPv4 and starting with the family of the first one. The next attempt starts 250 ms after the
 * previous one, or as soon as the previous one fails, so an unresponsive address delays the next by 250 ms at most.
 * The first attempt that connects wins; the others are aborted, and a connection that completes after that is closed.
 *
 * @param host - the name that was resolved, for error messages.
 * @param candidates - must not be empty.
 * @param connectTo - connects to one address. When its signal aborts, it must stop, and nothing may stay open.
 * @throws the error of the only address; {@link ConnectError} with the errors of all attempts if there were several;
 *   the reason of `signal` if it aborts.
 */
export function connectToAny<Candidate extends ConnectCandidate>(
  host: string,
  candidates: readonly Candidate[],
  connectTo: (candidate: Candidate, signal: AbortSignal) => Promise<Transport>,
  clock: Clock,
  signal: AbortSignal,
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    new Race(host, candidates, { connectTo, clock, signal, resolve, reject }).start();
  });
}

interface RaceContext<Candidate> {
  readonly connectTo: (candidate: Candidate, signal: AbortSignal) => Promise<Transport>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly resolve: (transport: Transport) => void;
  readonly reject: (error: unknown) => void;
}

interface Attempt {
  readonly candidate: ConnectCandidate;
  readonly controller: AbortController;
}

class Race<Candidate extends ConnectCandidate> {
  readonly #host: string;
  readonly #context: RaceContext<Candidate>;
  /** The addresses not tried yet; the next one is last. */
  readonly #waiting: Candidate[];
  /** The attempts in progress, oldest first. */
  readonly #attempts = new Set<Attempt>();
  readonly #errors: unknown[] = [];
  #timer: ClockTimer | undefined;
  #stopListening: (() => void) | undefined;
  #isOver = false;

  constructor(host: string, candidates: readonly Candidate[], context: RaceContext<Candidate>) {
    this.#host = host;
    this.#context = context;
    this.#waiting = interleaved(candidates).reverse();
  }

  start(): void {
    const { signal, reject } = this.#context;
    this.#stopListening = onAbort(signal, (reason) => this.#finish(() => reject(reason)));
    if (!this.#isOver) this.#startNext();
  }

  readonly #startNext = (): void => {
    this.#timer?.cancel();
    this.#timer = undefined;
    const candidate = this.#waiting.pop();
    if (candidate === undefined) return;
    if (this.#attempts.size === MAX_ATTEMPTS) this.#giveUpOldest();
    const attempt = { candidate, controller: new AbortController() };
    this.#attempts.add(attempt);
    if (this.#waiting.length > 0)
      this.#timer = this.#context.clock.setTimeout(this.#startNext, ATTEMPT_DELAY_MS);
    void this.#run(attempt, candidate);
  };

  async #run(attempt: Attempt, candidate: Candidate): Promise<void> {
    try {
      const transport = await this.#context.connectTo(candidate, attempt.controller.signal);
      if (this.#isOver || !this.#attempts.delete(attempt)) transport.close();
      else this.#finish(() => this.#context.resolve(transport));
    } catch (error) {
      this.#failed(attempt, error);
    }
  }

  #failed(attempt: Attempt, error: unknown): void {
    const isLatest = [...this.#attempts].at(-1) === attempt;
    if (this.#isOver || !this.#attempts.delete(attempt)) return;
    this.#errors.push(error);
    // Nothing to do if an older attempt fails: its successor is already in progress and keeps its own delay of 250 ms.
    if (isLatest) this.#startNext();
    if (this.#attempts.size === 0) this.#finish(() => this.#context.reject(this.#failure()));
  }

  #giveUpOldest(): void {
    const [oldest] = this.#attempts;
    if (oldest === undefined) return;
    this.#attempts.delete(oldest);
    const error = new SystemError('ETIMEDOUT', 'connect', targetName(oldest.candidate));
    this.#errors.push(error);
    oldest.controller.abort(error);
  }

  #failure(): unknown {
    const last = this.#errors.at(-1);
    const isOneOfMany = this.#errors.length > 1 && last instanceof SystemError;
    return isOneOfMany ? new ConnectError(this.#host, this.#errors, last) : last;
  }

  #finish(settle: () => void): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#stopListening?.();
    settle();
    for (const { controller } of this.#attempts) controller.abort();
    this.#attempts.clear();
  }
}

/** Alternates between the families and keeps the resolver's order within each (RFC 8305 §4). */
function interleaved<Candidate extends ConnectCandidate>(candidates: readonly Candidate[]): Candidate[] {
  const first = candidates[0]?.family;
  const families = [
    candidates.filter(({ family }) => family === first),
    candidates.filter(({ family }) => family !== first),
  ] as const;
  const order: Candidate[] = [];
  for (let at = 0; at < candidates.length; at += 1) {
    for (const family of families) {
      const candidate = family[at];
      if (candidate !== undefined) order.push(candidate);
    }
  }
  return order;
}
