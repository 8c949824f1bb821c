// The web-fetch/ folder makes a function of a client that behaves as the `fetch` of the Fetch standard. It converts
// requests and responses; the client does the rest.

import { HTTPRedirectError } from '../errors.ts';
import type { HTTPRequest } from '../request/http-request.ts';
import type { HTTPStreamedResponse } from '../response/http-streamed-response.ts';
import { discardBody } from './fetch-body-init.ts';
import { fetchRequest } from './fetch-request.ts';
import { FetchResponse } from './fetch-response.ts';

/** What this room needs of a client. */
export interface StreamingClient {
  /** Resolves when the head of the response has arrived. */
  stream(request: HTTPRequest): Promise<HTTPStreamedResponse>;
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Returns a function that behaves as `fetch`, and sends its requests with a client. */
export function toFetch(client: StreamingClient): typeof globalThis.fetch {
  FetchResponse.inherit();
  return async function fetch(input: unknown, init?: unknown): Promise<Response> {
    // Without a body to be read first, the request is sent before this function returns.
    const pending = fetchRequest(input, init);
    const { request, redirect } = pending instanceof Promise ? await pending : pending;
    let response: HTTPStreamedResponse;
    try {
      response = await client.stream(request);
      if (redirect === 'error' && REDIRECTS.has(response.status)) throw refusedRedirect(response);
    } catch (cause) {
      discardBody(request);
      const { signal } = request.options;
      if (signal?.aborted === true) throw signal.reason;
      throw new TypeError('fetch failed', { cause });
    }
    return new FetchResponse(response) as unknown as Response;
  };
}

function refusedRedirect(response: HTTPStreamedResponse): HTTPRedirectError {
  response.close();
  return new HTTPRedirectError(`unexpected redirect (${response.status}): the request has redirect: "error"`);
}
