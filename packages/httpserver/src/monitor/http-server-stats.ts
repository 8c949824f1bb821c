import type { RequestOutcome } from '@landspout/http1/server';
import type { TCPServerStats } from '@landspout/iostream';

/** Requests whose headers have arrived. `begun` is the sum of all other counters. */
export interface RequestCounts {
  readonly begun: number;
  readonly underWay: number;
  /** Responses completed by the delegate, or by a 500 if it failed. */
  readonly completed: number;
  /** Refused by the connection with a 4xx, for example 413 for a body that is too large. */
  readonly refused: number;
  /** Taken over by the delegate together with their connection, for example by WebSockets. */
  readonly detached: number;
  /** The connection ended before the response was complete. */
  readonly cut: number;
}

/**
 * Ended responses whose headers were written, counted by the first digit of the status. Interim responses are not
 * counted.
 */
export interface ResponseCounts {
  readonly '1xx': number;
  readonly '2xx': number;
  readonly '3xx': number;
  readonly '4xx': number;
  readonly '5xx': number;
}

/**
 * The counters of an HTTPServer since its construction, and its current state. All values are plain numbers, suitable
 * for JSON.
 */
export interface HTTPServerStats extends TCPServerStats {
  readonly requests: RequestCounts;
  readonly responses: ResponseCounts;
  /** Requests refused before their headers could be decoded: invalid, too large or too slow. */
  readonly refusedHeads: number;
}

/** Numbers, and nested objects of numbers. */
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
  handshakesCompleted: 0,
  handshakesResumed: 0,
  handshakesFailed: 0,
  handshakeFailures: {},
  proxyHeadersFailed: 0,
  bytesReceived: 0,
  bytesSent: 0,
  queuedBytes: 0,
  requests: { begun: 0, underWay: 0, completed: 0, refused: 0, detached: 0, cut: 0 },
  responses: { '1xx': 0, '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0 },
  refusedHeads: 0,
};

/**
 * Adds up the counters of several servers, such as the processes that share a port.
 *
 * A missing counter is treated as 0: while processes are replaced one by one, older processes may lack counters that
 * newer processes have.
 */
export function sumStats(all: Iterable<HTTPServerStats>): HTTPServerStats {
  let sum = NOTHING as unknown as Counts;
  for (const stats of all) sum = add(sum, stats as unknown as Counts);
  return structuredClone(sum) as unknown as HTTPServerStats;
}

/** Adds only names that exist in `left`, and only numbers, so that unknown input is ignored. */
function add(left: Counts, right: Counts): Counts {
  const sum: Record<string, number | Counts> = {};
  for (const [name, value] of Object.entries(left)) {
    const other = Object.hasOwn(right, name) ? right[name] : undefined;
    if (name === 'handshakeFailures') sum[name] = addReasons(value as Reasons, other);
    else if (typeof value === 'number') sum[name] = value + (Number.isFinite(other) ? (other as number) : 0);
    else sum[name] = typeof other === 'object' && other !== null ? add(value, other) : value;
  }
  return sum;
}

type Reasons = Readonly<Record<string, number>>;

/** As many as a TCPServer counts separately. */
const MAX_REASONS = 32;

/** Adds counters whose names are not known in advance. Above the limit, new names are counted as `other`. */
function addReasons(left: Reasons, right: unknown): Reasons {
  const sum = new Map(Object.entries(left));
  if (typeof right !== 'object' || right === null) return left;
  for (const [reason, count] of Object.entries(right as Record<string, unknown>)) {
    if (!Number.isFinite(count)) continue;
    const name = sum.has(reason) || sum.size < MAX_REASONS ? reason : 'other';
    sum.set(name, (sum.get(name) ?? 0) + (count as number));
  }
  return Object.fromEntries(sum);
}

/** Counts requests and responses. Each request costs a few additions, and no object is created. */
export class RequestCounters {
  #begun = 0;
  #completed = 0;
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

  /** @param status - 0 if no response headers were written. */
  ended(outcome: RequestOutcome, status: number): void {
    switch (outcome) {
      case 'completed':
        this.#completed += 1;
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
    this.#countResponse(status);
  }

  headRefused(status: number): void {
    this.#refusedHeads += 1;
    this.#countResponse(status);
  }

  /** @param tcp - the connection counters of the same server. */
  stats(tcp: TCPServerStats): HTTPServerStats {
    const ended = this.#completed + this.#refused + this.#detached + this.#cut;
    return {
      ...tcp,
      requests: {
        begun: this.#begun,
        underWay: this.#begun - ended,
        completed: this.#completed,
        refused: this.#refused,
        detached: this.#detached,
        cut: this.#cut,
      },
      responses: {
        '1xx': this.#informational,
        '2xx': this.#successful,
        '3xx': this.#redirected,
        '4xx': this.#clientErrors,
        '5xx': this.#serverErrors,
      },
      refusedHeads: this.#refusedHeads,
    };
  }

  #countResponse(status: number): void {
    if (status < 100) return;
    if (status < 200) this.#informational += 1;
    else if (status < 300) this.#successful += 1;
    else if (status < 400) this.#redirected += 1;
    else if (status < 500) this.#clientErrors += 1;
    else this.#serverErrors += 1;
  }
}
