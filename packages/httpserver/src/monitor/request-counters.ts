import type { RequestOutcome } from '@landspout/http1';
import type { TCPServerStats } from '@landspout/iostream';
import type { HTTPServerStats } from './http-server-stats.ts';

/** Counts requests and answers. A few additions for each request, and no object. */
export class RequestCounters {
  #begun = 0;
  #answered = 0;
  #refused = 0;
  #detached = 0;
  #cut = 0;
  #refusedHeads = 0;
  #informational = 0;
  #successful = 0;
  #redirected = 0;
  #clientErrors = 0;
  #serverErrors = 0;

  began(): void {
    this.#begun += 1;
  }

  /** @param status - 0 when no head of an answer was written. */
  ended(outcome: RequestOutcome, status: number): void {
    switch (outcome) {
      case 'answered':
        this.#answered += 1;
        break;
      case 'refused':
        this.#refused += 1;
        break;
      case 'detached':
        this.#detached += 1;
        break;
      case 'cut':
        this.#cut += 1;
    }
    this.#countAnswer(status);
  }

  headRefused(status: number): void {
    this.#refusedHeads += 1;
    this.#countAnswer(status);
  }

  /** @param tcp - of the same server. */
  stats(tcp: TCPServerStats): HTTPServerStats {
    const ended = this.#answered + this.#refused + this.#detached + this.#cut;
    return {
      ...tcp,
      requests: {
        begun: this.#begun,
        underWay: this.#begun - ended,
        answered: this.#answered,
        refused: this.#refused,
        detached: this.#detached,
        cut: this.#cut,
      },
      answers: {
        '1xx': this.#informational,
        '2xx': this.#successful,
        '3xx': this.#redirected,
        '4xx': this.#clientErrors,
        '5xx': this.#serverErrors,
      },
      refusedHeads: this.#refusedHeads,
    };
  }

  #countAnswer(status: number): void {
    if (status < 100) return;
    if (status < 200) this.#informational += 1;
    else if (status < 300) this.#successful += 1;
    else if (status < 400) this.#redirected += 1;
    else if (status < 500) this.#clientErrors += 1;
    else this.#serverErrors += 1;
  }
}
