import { type Clock, type ClockTimer, SystemError } from '@landspout/ioloop';
import { type AddressFamily, targetName } from '../addresses/net-address.ts';
import { ConnectError } from '../errors.ts';
import type { Transport } from '../transport.ts';
import type { ConnectAttempt, ConnectObserver } from './connect-attempt.ts';

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
 * The first attempt that connects wins; the others are cancelled, and a connection that completes after that is closed.
 *
 * The observer gets the error of the only address, or a {@link ConnectError} with the errors of all attempts if there
 * were several.
 *
 * @param host - the name that was resolved, for error messages.
 * @param candidates - must not be empty.
 * @param connectTo - starts to connect to one address, or throws if the system refuses that at once.
 * @throws the error that the observer would get, if every attempt is refused at once.
 */
export function connectToAny<Candidate extends ConnectCandidate>(
  host: string,
  candidates: readonly Candidate[],
  connectTo: (candidate: Candidate, observer: ConnectObserver) => ConnectAttempt,
  clock: Clock,
  observer: ConnectObserver,
): ConnectAttempt {
  const race = new Race(host, candidates, { connectTo, clock, observer });
  race.start();
  return race;
}

interface RaceContext<Candidate> {
  readonly connectTo: (candidate: Candidate, observer: ConnectObserver) => ConnectAttempt;
  readonly clock: Clock;
  readonly observer: ConnectObserver;
}

class Race<Candidate extends ConnectCandidate> implements ConnectAttempt {
  readonly #host: string;
  readonly #context: RaceContext<Candidate>;
  /** The addresses not tried yet; the next one is last. */
  readonly #waiting: Candidate[];
  /** The attempts in progress, oldest first. */
  readonly #runners = new Set<Runner>();
  readonly #errors: unknown[] = [];
  /** The attempt that was started last. */
  #latest: Runner | undefined;
  #timer: ClockTimer | undefined;

  constructor(host: string, candidates: readonly Candidate[], context: RaceContext<Candidate>) {
    this.#host = host;
    this.#context = context;
    this.#waiting = interleaved(candidates).reverse();
  }

  /** @throws the failure if every attempt is refused at once. */
  start(): void {
    this.#startNext();
    if (this.#runners.size === 0) throw this.#failure();
  }

  cancel(): void {
    this.#timer?.cancel();
    for (const runner of this.#runners) runner.attempt?.cancel();
    this.#runners.clear();
  }

  /** Called by the {@link Runner} that has connected. */
  won(runner: Runner, transport: Transport): void {
    if (!this.#runners.delete(runner)) {
      transport.close();
      return;
    }
    this.cancel();
    this.#context.observer.connected(transport);
  }

  /** Called by the {@link Runner} that has failed. */
  lost(runner: Runner, error: unknown): void {
    if (!this.#runners.delete(runner)) return;
    this.#errors.push(error);
    // Nothing to do if an older attempt fails: its successor is already in progress and keeps its own delay of 250 ms.
    if (runner === this.#latest) this.#startNext();
    if (this.#runners.size > 0) return;
    this.cancel();
    this.#context.observer.failed(this.#failure());
  }

  /** Starts the next attempt that the system does not refuse at once. */
  readonly #startNext = (): void => {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (;;) {
      const candidate = this.#waiting.pop();
      if (candidate === undefined) return;
      if (this.#runners.size === MAX_ATTEMPTS) this.#giveUpOldest();
      const runner = new Runner(this, candidate);
      try {
        runner.attempt = this.#context.connectTo(candidate, runner);
      } catch (error) {
        this.#errors.push(error);
        continue;
      }
      this.#runners.add(runner);
      this.#latest = runner;
      if (this.#waiting.length === 0) return;
      this.#timer = this.#context.clock.setTimeout(this.#startNext, ATTEMPT_DELAY_MS);
      return;
    }
  };

  #giveUpOldest(): void {
    const [oldest] = this.#runners;
    if (oldest === undefined) return;
    this.#runners.delete(oldest);
    this.#errors.push(new SystemError('ETIMEDOUT', 'connect', targetName(oldest.candidate)));
    oldest.attempt?.cancel();
  }

  #failure(): unknown {
    const last = this.#errors.at(-1);
    const isOneOfMany = this.#errors.length > 1 && last instanceof SystemError;
    return isOneOfMany ? new ConnectError(this.#host, this.#errors, last) : last;
  }
}

/** One attempt of a {@link Race}, which it notifies of the outcome. */
class Runner implements ConnectObserver {
  readonly candidate: ConnectCandidate;
  attempt: ConnectAttempt | undefined;
  readonly #race: Pick<Race<ConnectCandidate>, 'won' | 'lost'>;

  constructor(race: Pick<Race<ConnectCandidate>, 'won' | 'lost'>, candidate: ConnectCandidate) {
    this.#race = race;
    this.candidate = candidate;
  }

  connected(transport: Transport): void {
    this.#race.won(this, transport);
  }

  failed(error: unknown): void {
    this.#race.lost(this, error);
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
