import type { Attributes, Context } from '@opentelemetry/api';
import type { Subscriptions } from './channel-subscriptions.ts';
import {
  authorityAttributes,
  errorType,
  httpSpanName,
  methodAttributes,
  recordedUrl,
} from './http-attributes.ts';
import type { FetchNotice, FetchSending, FetchState } from './messages.ts';
import type { FetchSpanOptions } from './options.ts';
import { openTelemetry } from './peer.ts';
import type { SpanSource } from './span-source.ts';
import type { TracedSpan } from './traced-span.ts';

const { context, SpanKind } = openTelemetry;

type SetHeader = FetchSending['setHeader'];

/** How a propagator writes the fields of a request. */
const SETTER = {
  set: (setHeader: SetHeader, name: string, value: string): void => setHeader(name, value),
};

/** A fetch, which sends one request after another: for redirects, for challenges, and if a connection was lost. */
interface FetchSpan {
  /** The context of the caller. */
  readonly parent: Context;
  /** The span of the current request; undefined if the SDK failed. */
  span: TracedSpan | undefined;
  /** The number of requests that were sent. */
  sent: number;
  /** When the head of the response to the current request arrived; undefined before. */
  respondedAt: number | undefined;
}

/**
 * Makes a span for each request that an HTTP client sends, of kind CLIENT, and sends its trace with it. That of the first
 * begins with the call of `fetch`, and includes the time to get a connection.
 */
export class FetchSpans {
  readonly #source: SpanSource;
  readonly #options: FetchSpanOptions;
  readonly #fetches = new WeakMap<FetchState, FetchSpan>();

  constructor(source: SpanSource, options: FetchSpanOptions) {
    this.#source = source;
    this.#options = options;
  }

  readonly subscriptions: Subscriptions = {
    'landspout.http.client.request.start': ({ record }: FetchNotice) => this.#started(record),
    'landspout.http.client.request.sent': (message: FetchSending) => this.#sent(message),
    'landspout.http.client.request.response': ({ record }: FetchNotice) => this.#responded(record),
    'landspout.http.client.request.end': ({ record }: FetchNotice) => this.#ended(record),
  };

  #started(record: FetchState): void {
    if (this.#source.ignores(this.#options, record)) return;
    const parent = this.#source.attempt(() => context.active()) ?? openTelemetry.ROOT_CONTEXT;
    const span = this.#spanOf(record, record.url, parent);
    this.#fetches.set(record, { parent, span, sent: 0, respondedAt: undefined });
  }

  #spanOf(
    record: FetchState,
    url: string,
    parent: Context,
    more: { readonly resends?: number; readonly startTime?: number } = {},
  ): TracedSpan | undefined {
    const { resends, ...timing } = more;
    const [, scheme = '', authority] = /^([a-z]+):\/\/(?:[^/?#]*@)?([^/?#]*)/i.exec(url) ?? [];
    const attributes: Attributes = {
      ...methodAttributes(record.method),
      ...authorityAttributes(authority, scheme),
      'url.full': recordedUrl(url, this.#options.recordQuery ?? false),
      'url.scheme': scheme,
      'http.request.resend_count': resends,
      ...this.#source.attributesOf(this.#options, record),
    };
    const template = attributes['url.template'];
    const name = httpSpanName(record.method, typeof template === 'string' ? template : undefined);
    return this.#source.start(name, parent, { kind: SpanKind.CLIENT, attributes, ...timing });
  }

  #sent({ record, setHeader }: FetchSending): void {
    const fetch = this.#fetches.get(record);
    if (fetch === undefined) return;
    if (fetch.sent > 0) {
      this.#leave(fetch);
      fetch.span = this.#spanOf(record, record.url, fetch.parent, { resends: fetch.sent });
    }
    fetch.sent += 1;
    const { propagate = true } = this.#options;
    const isPropagated = typeof propagate === 'boolean' ? propagate : this.#source.call(propagate, record);
    if (isPropagated !== true) return;
    this.#source.attempt(() =>
      this.#source.propagator.inject(fetch.span?.context ?? fetch.parent, setHeader, SETTER),
    );
  }

  /** Ends the span of a request after which another is sent. */
  #leave(fetch: FetchSpan): void {
    // Without a response, the connection was lost, and the request is sent again on another.
    if (fetch.respondedAt === undefined) fetch.span?.fail('_OTHER');
    fetch.span?.end(fetch.respondedAt);
    fetch.respondedAt = undefined;
  }

  #responded(record: FetchState): void {
    const fetch = this.#fetches.get(record);
    if (fetch === undefined) return;
    fetch.respondedAt = performance.now();
    const { status = 0 } = record;
    fetch.span?.set({ 'http.response.status_code': status });
    if (status >= 400) fetch.span?.fail(String(status));
  }

  #ended(record: FetchState): void {
    const fetch = this.#fetches.get(record);
    if (fetch === undefined) return;
    const { error } = record;
    const failedUrl = failedHop(record);
    if (failedUrl !== undefined && fetch.respondedAt !== undefined) {
      const startTime = fetch.respondedAt;
      this.#leave(fetch);
      fetch.span = this.#spanOf(record, failedUrl, fetch.parent, { resends: fetch.sent, startTime });
    }
    if (error !== undefined) {
      fetch.span?.fail(errorType(error));
      fetch.span?.record(error);
    }
    fetch.span?.end();
  }
}

/** The URL of a request that failed before it was sent, after a redirect. Undefined if there is none. */
function failedHop({ error, url }: FetchState): string | undefined {
  const { url: failed } = (error ?? {}) as { readonly url?: unknown };
  return typeof failed === 'string' && failed !== url ? failed : undefined;
}
