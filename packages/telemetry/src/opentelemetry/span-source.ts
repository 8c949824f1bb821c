import type { Logger } from '@landspout/ioloop';
import { systemClock } from '@landspout/ioloop';
import { isThenable, RateLimitedLog, reportRejection } from '@landspout/ioloop/reactor';
import type { Attributes, Context, Link, SpanKind, TextMapPropagator, Tracer } from '@opentelemetry/api';
import type { SpanOptions } from './options.ts';
import { openTelemetry } from './peer.ts';
import { TracedSpan } from './traced-span.ts';
import type { TextMapPropagatorLike, TracerProviderLike } from './types.ts';

const { context, createContextKey, isSpanContextValid, propagation, ROOT_CONTEXT, trace } = openTelemetry;

/** The instrumentation scope of all spans. */
const SCOPE = '@landspout/telemetry';

const PROBE = createContextKey('landspout probe');

export interface SpanSourceOptions {
  readonly tracerProvider: TracerProviderLike | undefined;
  readonly propagator: TextMapPropagatorLike | undefined;
  readonly logger: Logger;
}

export interface NewSpan {
  readonly kind: SpanKind;
  readonly attributes: Attributes;
  readonly links?: Link[];
  /** A value of `performance.now()`. Default: now. */
  readonly startTime?: number;
}

/**
 * Starts spans, and calls the code that is not ours: the SDK, propagators and functions of the program. What they throw is
 * logged, and does not reach the request that is traced.
 */
export class SpanSource {
  readonly #provider: TracerProviderLike | undefined;
  readonly #propagator: TextMapPropagatorLike | undefined;
  readonly #log: RateLimitedLog;
  readonly #open = new Set<TracedSpan>();
  #tracer: Tracer | undefined = undefined;
  #hasCheckedContext = false;

  constructor({ tracerProvider, propagator, logger }: SpanSourceOptions) {
    this.#provider = tracerProvider;
    this.#propagator = propagator;
    this.#log = new RateLimitedLog({ logger, clock: systemClock });
  }

  /** The number of spans that have not ended. */
  get openSpans(): number {
    return this.#open.size;
  }

  /** Ends all open spans. */
  close(): void {
    for (const span of [...this.#open]) span.end();
    this.#log.flush();
  }

  /** @returns undefined if the SDK failed. */
  start(name: string, parent: Context, span: NewSpan): TracedSpan | undefined {
    return this.attempt(() => {
      const started = this.#useTracer().startSpan(name, span, parent);
      // Without an SDK, spans are invalid.
      if (isSpanContextValid(started.spanContext())) this.attempt(() => this.#checkContext());
      const traced = new TracedSpan(started, trace.setSpan(parent, started), this);
      this.#open.add(traced);
      return traced;
    });
  }

  ended(span: TracedSpan): void {
    this.#open.delete(span);
  }

  get propagator(): TextMapPropagator {
    return (this.#propagator ?? propagation) as TextMapPropagator;
  }

  /** Calls `action`. @returns undefined if it threw; the error is logged. */
  attempt<Result>(action: () => Result): Result | undefined {
    try {
      return action();
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /** Whether there should be no span. */
  ignores<Traced>({ ignore }: SpanOptions<Traced>, traced: Traced): boolean {
    return ignore !== undefined && this.call(ignore, traced) === true;
  }

  /** The attributes that the program adds. */
  attributesOf<Traced>({ attributes }: SpanOptions<Traced>, traced: Traced): Attributes {
    if (attributes === undefined) return {};
    const more = this.call(attributes, traced);
    // A copy, because a getter of the program may throw.
    return this.attempt(() => ({ ...more }) as Attributes) ?? {};
  }

  /** Calls a function of the program, which may not be asynchronous. @returns undefined if it failed. */
  call<Argument, Result>(callback: (argument: Argument) => Result, argument: Argument): Result | undefined {
    return this.attempt(() => {
      const result = callback(argument);
      if (!isThenable(result)) return result;
      reportRejection(result, (error) => this.#failed(error));
      throw new TypeError(
        'a function of the tracing options has returned a promise; it must not be asynchronous',
      );
    });
  }

  #failed(error: unknown): void {
    this.#log.warn('failed', { error }, 'tracing failed; what is traced is not affected');
  }

  /** From the registered provider, tracers follow a provider that is registered later. */
  #useTracer(): Tracer {
    this.#tracer ??= (this.#provider ?? trace).getTracer(SCOPE) as Tracer;
    return this.#tracer;
  }

  /** Without a context manager, spans do not know their parents in this process. */
  #checkContext(): void {
    if (this.#hasCheckedContext) return;
    this.#hasCheckedContext = true;
    const probed = ROOT_CONTEXT.setValue(PROBE, true);
    if (context.with(probed, () => context.active().getValue(PROBE)) === true) return;
    this.#log.warn(
      'context',
      {},
      'OpenTelemetry has no context manager, so spans of one request are not connected: call register() of the NodeTracerProvider, or context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())',
    );
  }
}
