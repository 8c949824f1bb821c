import type { Subscriptions } from './channel-subscriptions.ts';
import { errorType } from './http-attributes.ts';
import type { RunNotice, RunStarting, RunState } from './messages.ts';
import type { SpanOptions } from './options.ts';
import { openTelemetry } from './peer.ts';
import type { SpanSource } from './span-source.ts';
import type { TracedSpan } from './traced-span.ts';
import type { TracedRun } from './types.ts';

const { context, ROOT_CONTEXT, SpanKind, trace } = openTelemetry;

/** The ways to end that are not a success. */
const FAILURES: ReadonlySet<unknown> = new Set(['failed', 'interrupted', 'lost']);

/**
 * Makes a span for each attempt of a run in this process, in which its producer is called: the root of a trace of its own,
 * with a link to the span that was active when the run was started, because a run may outlive the request.
 */
export class RunSpans {
  readonly #source: SpanSource;
  readonly #options: SpanOptions<TracedRun>;
  readonly #spans = new WeakMap<RunState, TracedSpan>();

  constructor(source: SpanSource, options: SpanOptions<TracedRun>) {
    this.#source = source;
    this.#options = options;
  }

  readonly subscriptions: Subscriptions = {
    'landspout.topics.run.start': (message: RunStarting) => this.#started(message),
    'landspout.topics.run.end': ({ record }: RunNotice) => this.#ended(record),
  };

  #started({ record, runWithin }: RunStarting): void {
    if (this.#source.ignores(this.#options, record)) return;
    const starter = trace.getSpanContext(this.#source.attempt(() => context.active()) ?? ROOT_CONTEXT);
    const span = this.#source.start('run', ROOT_CONTEXT, {
      kind: SpanKind.INTERNAL,
      attributes: {
        'landspout.run.id': record.id,
        'landspout.run.attempt': record.attempt,
        ...this.#source.attributesOf(this.#options, record),
      },
      links: starter === undefined ? [] : [{ context: starter }],
    });
    if (span === undefined) return;
    this.#spans.set(record, span);
    runWithin(span.activate);
  }

  #ended(record: RunState): void {
    const { how, error } = record;
    const span = this.#spans.get(record);
    span?.set({ 'landspout.run.how': how });
    if (FAILURES.has(how)) span?.fail(error === undefined ? String(how) : errorType(error));
    if (error !== undefined) span?.record(error);
    span?.end();
  }
}
