import type { Definitions } from './definitions.ts';
import { methodText, secondsOf, statusText } from './label-texts.ts';

/** What is read of the record of a fetch; its type is in `@landspout/httpclient`, which is no dependency. */
export interface CountedFetch {
  readonly method: string;
  /** Of the last request, without user information and fragment. */
  readonly url: string;
  readonly status: number | undefined;
  readonly error: unknown;
  readonly durationMs: number;
}

interface FetchMessage {
  readonly record: CountedFetch;
}

/** Puts fetches into a few groups, such as the services that they call. */
export type FetchGroup = (fetch: CountedFetch) => string;

/** The error for a complete response whose status is not 2xx. */
const STATUS_ERROR = 'ERR_HTTPCLIENT_STATUS';

/** Counts the fetches of all clients of this process. */
export function countFetches(
  definitions: Definitions,
  buckets: readonly number[],
  groupOf: FetchGroup | undefined,
): void {
  const labels = ['group', 'method', 'status'] as const;
  const fetches = definitions.counter('http_client_fetches_total', {
    help: 'Fetches that have ended, by class of the status of the last response; the status is "error" if there is no complete response.',
    labels,
  });
  const durations = definitions.histogram('http_client_fetch_duration_seconds', {
    help: 'From the call to the end of a fetch, with redirects and further attempts.',
    labels,
    buckets,
  });
  const sent = definitions.counter('http_client_requests_sent_total', {
    help: 'Requests that were sent, also for redirects and further attempts.',
  });
  const inFlight = definitions.gauge('http_client_fetches_in_flight', {
    help: 'Fetches that have not ended.',
  });
  const started = new WeakSet<CountedFetch>();
  definitions.on<FetchMessage>('landspout.http.client.request.start', ({ record }) => {
    started.add(record);
    inFlight.inc();
  });
  definitions.on('landspout.http.client.request.sent', () => sent.inc());
  definitions.on<FetchMessage>('landspout.http.client.request.end', ({ record }) => {
    if (started.delete(record)) inFlight.dec();
    const status = hasResponse(record) ? statusText(record.status) : 'error';
    const of = { group: groupText(definitions, record, groupOf), method: methodText(record.method), status };
    fetches.inc(of);
    durations.observe(of, secondsOf(record.durationMs));
  });
}

function hasResponse({ error }: CountedFetch): boolean {
  return error === undefined || (error as { readonly code?: unknown } | null)?.code === STATUS_ERROR;
}

/** '' without a function; `other` if it throws or returns no text. */
function groupText(definitions: Definitions, record: CountedFetch, groupOf: FetchGroup | undefined): string {
  if (groupOf === undefined) return '';
  try {
    const group: unknown = groupOf(record);
    return typeof group === 'string' ? group : 'other';
  } catch (error) {
    definitions.failed(error, 'the option fetchGroup');
    return 'other';
  }
}
