import type { RequestOutcome } from '@landspout/http1/server';
import type { TCPServerStats } from '@landspout/iostream';

/** Requests whose heads have come. `begun` is the sum of the others. */
export interface RequestCounts {
  readonly begun: number;
  readonly underWay: number;
  /** Answered to the end, by the delegate, or with a 500 in its place. */
  readonly answered: number;
  /** Answered by the connection with a 4xx, such as 413 for a body that is too large. */
  readonly refused: number;
  /** Taken over by the delegate with their connection, as for WebSockets. */
  readonly detached: number;
  /** Whose connection ended before the answer was complete. */
  readonly cut: number;
}

/** Answers that have ended and whose head was written, by the first digit of their status. Interim ones are not counted. */
export interface AnswerCounts {
  readonly '1xx': number;
  readonly '2xx': number;
  readonly '3xx': number;
  readonly '4xx': number;
  readonly '5xx': number;
}

/** What an HTTPServer has seen since it was made, and what it has now. Plain numbers, which JSON keeps. */
export interface HTTPServerStats extends TCPServerStats {
  readonly requests: RequestCounts;
  readonly answers: AnswerCounts;
  /** What was refused before it was a request: broken heads, too large ones, too slow ones. */
  readonly refusedHeads: number;
}

/** Numbers, and objects of such. */
type Counts = { readonly [name: string]: number | Counts };

const NOTHING: HTTPServerStats = {
  opened: 0,
  open: 0,
  closed: {
    'peer-ended': 0,
    'peer-reset': 0,
    'we-ended': 0,
    'we-reset': 0,
    timeout: 0,
    limit: 0,
    error: 0,
  },
  detached: 0,
  refused: 0,
  handshakesFailed: 0,
  proxyHeadersFailed: 0,
  bytesReceived: 0,
  bytesSent: 0,
  queuedBytes: 0,
  requests: { begun: 0, underWay: 0, answered: 0, refused: 0, detached: 0, cut: 0 },
  answers: { '1xx': 0, '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0 },
  refusedHeads: 0,
};

/**
 * Adds up what several servers have seen, such as the processes that share a port.
 *
 * What is missing counts as nothing: while processes are replaced one by one, the older ones may not count all that
 * the newer ones do.
 */
export function sumStats(all: Iterable<HTTPServerStats>): HTTPServerStats {
  let sum = NOTHING as unknown as Counts;
  for (const stats of all) sum = add(sum, stats as unknown as Counts);
  return structuredClone(sum) as unknown as HTTPServerStats;
}

/** Of the names in `left` alone, so that nothing unknown comes in, and of numbers alone. */
function add(left: Counts, right: Counts): Counts {
  const sum: Record<string, number | Counts> = {};
  for (const [name, value] of Object.entries(left)) {
    const other = Object.hasOwn(right, name) ? right[name] : undefined;
    if (typeof value === 'number') sum[name] = value + (Number.isFinite(other) ? (other as number) : 0);
    else sum[name] = typeof other === 'object' && other !== null ? add(value, other) : value;
  }
  return sum;
}

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
