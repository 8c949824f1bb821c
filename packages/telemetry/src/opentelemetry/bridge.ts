import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { type Subscriptions, subscribeAll } from './channel-subscriptions.ts';
import { TracingUsageError } from './errors.ts';

/** What a bridge makes spans of. */
export type SpanSubject = 'requests' | 'fetches' | 'messages' | 'connections' | 'runs';

/** What starts and ends the spans: a `SpanSource`, whose types are those of the optional peer. */
export interface OpenSpans {
  readonly openSpans: number;
  close(): void;
  /** Calls `action`; what it throws is logged. */
  attempt(action: () => void): void;
}

/** The subjects of all open bridges. If two made spans of one request, the second would hide those of the first. */
const active = new Set<SpanSubject>();

/**
 * Makes spans of OpenTelemetry until it is closed. Has no effect on what it traces: an error of the SDK, or of a function in
 * the options, is logged once a minute.
 */
export class OpenTelemetryBridge {
  readonly #source: OpenSpans;
  readonly #subjects: readonly SpanSubject[];
  readonly #unsubscribe: () => void;
  #isClosed = false;

  /** @throws TracingUsageError `ERR_TRACING_ACTIVE` if another bridge has one of the subjects. */
  constructor(source: OpenSpans, subjects: readonly SpanSubject[], subscriptions: readonly Subscriptions[]) {
    const taken = subjects.filter((subject) => active.has(subject));
    if (taken.length > 0) {
      const problem = `traceWithOpenTelemetry: another bridge already makes the spans of ${taken.join(', ')}; close it first, or pass ${taken.map((subject) => `${subject}: false`).join(', ')}`;
      throw new TracingUsageError('ERR_TRACING_ACTIVE', problem);
    }
    this.#source = source;
    this.#subjects = Object.freeze([...subjects]);
    for (const subject of subjects) active.add(subject);
    const ends = subscriptions.map((all) => subscribeAll(all, (listener) => source.attempt(listener)));
    this.#unsubscribe = () => {
      for (const end of ends) end();
    };
  }

  /** What it makes spans of. */
  get subjects(): readonly SpanSubject[] {
    return this.#subjects;
  }

  /** The number of spans that have not ended. */
  get openSpans(): number {
    return this.#source.openSpans;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Ends the tracing. Open spans end now, although what they trace goes on; stop servers before. May be called again. Does
   * not flush or shut down the provider, which belongs to the program: call its `shutdown` after this.
   */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unsubscribe();
    for (const subject of this.#subjects) active.delete(subject);
    this.#source.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [INSPECT](): object {
    return inspection(this, ['subjects', 'openSpans', 'isClosed']);
  }
}
