import type { OpenEventStream } from '../event-source/event-connection.ts';
import type { EventSourceOptions } from '../event-source/event-source-options.ts';
import { headersFrom, type RequestDefaults, type RequestOptions } from '../request/http-request.ts';
import type { HTTPStreamedResponse } from '../response/http-streamed-response.ts';
import { settingsOf } from './fetch-settings.ts';

/** Options of an event source, and of the requests that it sends. */
export interface ClientEventSourceOptions extends EventSourceOptions {
  readonly request?: RequestOptions;
}

/** The client, as far as an event source needs it. */
interface StreamingClient {
  stream(url: string, options: RequestOptions): Promise<HTTPStreamedResponse>;
}

/** Returns what sends the requests of an event source for `url`. */
export function openerOf(
  client: StreamingClient,
  url: string,
  request: RequestOptions,
  defaults: RequestDefaults,
): OpenEventStream {
  const { requestTimeoutMs, headersTimeoutMs } = settingsOf(request, defaults);
  return async ({ lastEventId, signal }) => {
    const headers = headersFrom(request.headers ?? []).set('Cache-Control', 'no-store');
    if (!headers.has('Accept')) headers.set('Accept', 'text/event-stream');
    if (lastEventId !== '') headers.set('Last-Event-ID', lastEventId);
    const response = await client.stream(url, {
      ...request,
      headers,
      // A stream has no end, so only the wait for its head is limited.
      requestTimeoutMs: 0,
      headersTimeoutMs: headersTimeoutMs === 0 ? requestTimeoutMs : headersTimeoutMs,
      maxBodyBytes: Number.MAX_SAFE_INTEGER,
      raiseError: false,
      signal,
    });
    const { status, effectiveUrl } = response;
    return { status, headers: response.headers, url: effectiveUrl, body: response };
  };
}
