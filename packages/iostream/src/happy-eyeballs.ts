import type { Clock, ClockTimer } from '@landspout/ioloop';
import type { ResolvedAddress } from './resolver.ts';
import type { Transport } from './transport.ts';

/** How long the family of the first address is tried alone; RFC 8305 §8 asks for 100 ms to 2 s. */
const SECOND_FAMILY_DELAY_MS = 300;

/**
 * Connects to the first of several addresses that answers (in the manner of RFC 8305): the families take turns in
 * order of the first address, the second one starts after 300 ms or with the first failure, and each has one
 * attempt under way at a time. Losers are stopped, and winners that come too late are closed.
 *
 * @throws the last error when every address has failed; the reason of `signal` when it aborts.
 */
export function connectToAny(
  addresses: readonly ResolvedAddress[],
  connectTo: (address: ResolvedAddress, signal: AbortSignal) => Promise<Transport>,
  clock: Clock,
  signal: AbortSignal,
): Promise<Transport> {
  return new Promise((resolve, reject) => new Race(addresses, connectTo, clock, signal, resolve, reject));
}

class Race {
  readonly #families: readonly [ResolvedAddress[], ResolvedAddress[]];
  readonly #connectTo: (address: ResolvedAddress, signal: AbortSignal) => Promise<Transport>;
  readonly #signal: AbortSignal;
  readonly #losers = new AbortController();
  readonly #resolve: (transport: Transport) => void;
  readonly #reject: (error: unknown) => void;
  readonly #timer: ClockTimer | undefined;
  #attempts = 0;
  #hasSecondStarted = false;
  #isOver = false;

  constructor(
    addresses: readonly ResolvedAddress[],
    connectTo: (address: ResolvedAddress, signal: AbortSignal) => Promise<Transport>,
    clock: Clock,
    signal: AbortSignal,
    resolve: (transport: Transport) => void,
    reject: (error: unknown) => void,
  ) {
    const first = addresses[0]?.family;
    this.#families = [
      addresses.filter(({ family }) => family === first),
      addresses.filter(({ family }) => family !== first),
    ];
    this.#connectTo = connectTo;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    if (signal.aborted) {
      this.#finish(() => reject(signal.reason));
      return;
    }
    signal.addEventListener('abort', this.#onAbort, { once: true });
    if (this.#families[1].length > 0)
      this.#timer = clock.setTimeout(() => this.#startSecond(), SECOND_FAMILY_DELAY_MS);
    void this.#tryNext(this.#families[0]);
  }

  /** One family, address after address. */
  async #tryNext(family: ResolvedAddress[]): Promise<void> {
    const address = family.shift();
    if (address === undefined || this.#isOver) return;
    this.#attempts += 1;
    try {
      const transport = await this.#connectTo(address, this.#losers.signal);
      if (this.#isOver) transport.close();
      else this.#finish(() => this.#resolve(transport));
    } catch (error) {
      this.#attempts -= 1;
      if (this.#isOver) return;
      void this.#tryNext(family);
      this.#startSecond();
      if (this.#attempts === 0) this.#finish(() => this.#reject(error));
    }
  }

  #startSecond(): void {
    if (this.#hasSecondStarted || this.#isOver) return;
    this.#hasSecondStarted = true;
    void this.#tryNext(this.#families[1]);
  }

  #finish(settle: () => void): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#signal.removeEventListener('abort', this.#onAbort);
    settle();
    this.#losers.abort();
  }

  readonly #onAbort = (): void => this.#finish(() => this.#reject(this.#signal.reason));
}
