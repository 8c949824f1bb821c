import type { Attributes, Context, Span } from '@opentelemetry/api';
import { openTelemetry } from './peer.ts';

const { SpanStatusCode, context } = openTelemetry;

/** What a span needs of its source. */
export interface TracedSpanOwner {
  attempt<Result>(action: () => Result): Result | undefined;
  ended(span: TracedSpan): void;
}

/** A span that is open until {@link end}. Calls after that have no effect. */
export class TracedSpan {
  readonly #span: Span;
  readonly #owner: TracedSpanOwner;
  /** The context in which the span is active. */
  readonly context: Context;
  #isEnded = false;

  constructor(span: Span, active: Context, owner: TracedSpanOwner) {
    this.#span = span;
    this.context = active;
    this.#owner = owner;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** For `runWithin`. */
  readonly activate = (run: () => void): void => {
    this.#owner.attempt(() => context.with(this.context, run));
  };

  rename(name: string): void {
    this.#change((span) => span.updateName(name));
  }

  set(attributes: Attributes): void {
    this.#change((span) => span.setAttributes(attributes));
  }

  /** Gives the span the status ERROR. @param type - from a small set, such as a status or the code of an error. */
  fail(type: string): void {
    this.#change((span) => {
      span.setAttribute('error.type', type);
      span.setStatus({ code: SpanStatusCode.ERROR });
    });
  }

  /** Adds an event with an error. */
  record(error: unknown): void {
    this.#change((span) => span.recordException(error instanceof Error ? error : String(error)));
  }

  /** @param at - a value of `performance.now()`. Default: now. */
  end(at?: number): void {
    if (this.#isEnded) return;
    // Also if the SDK throws: it must not be asked again.
    this.#isEnded = true;
    this.#owner.ended(this);
    this.#owner.attempt(() => this.#span.end(at));
  }

  #change(change: (span: Span) => void): void {
    if (!this.#isEnded) this.#owner.attempt(() => change(this.#span));
  }
}
