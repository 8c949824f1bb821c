import { INSPECT, inspection } from '@landspout/ioloop/inspection';

interface WaitingCall<Place> {
  readonly place: Place;
  readonly number: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Calls that wait until the followers of this process were notified up to a place, in the order of the places. */
export class WaitingCalls<Place> {
  #calls: WaitingCall<Place>[] = [];
  #lastNumber = 0;

  get size(): number {
    return this.#calls.length;
  }

  /** Number of the latest call, for {@link hasUpTo} and {@link resolveUpTo}. */
  get lastNumber(): number {
    return this.#lastNumber;
  }

  /** Whether this call or one before it still waits. */
  hasUpTo(number: number): boolean {
    const [first] = this.#calls;
    return first !== undefined && first.number <= number;
  }

  wait(place: Place): Promise<void> {
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    return new Promise((resolve, reject) => void this.#calls.push({ place, number, resolve, reject }));
  }

  /** Resolves the calls whose places are reached. */
  resolve(isReached: (place: Place) => boolean): void {
    this.#resolveWhile(({ place }) => isReached(place));
  }

  /** Resolves this call and those before it. */
  resolveUpTo(number: number): void {
    this.#resolveWhile((call) => call.number <= number);
  }

  resolveAll(): void {
    this.#resolveWhile(() => true);
  }

  rejectAll(error: Error): void {
    const calls = this.#calls;
    this.#calls = [];
    for (const { reject } of calls) reject(error);
  }

  [INSPECT](): object {
    return inspection(this, ['size']);
  }

  #resolveWhile(isDone: (call: WaitingCall<Place>) => boolean): void {
    let count = 0;
    for (const call of this.#calls) {
      if (!isDone(call)) break;
      call.resolve();
      count += 1;
    }
    if (count > 0) this.#calls.splice(0, count);
  }
}
