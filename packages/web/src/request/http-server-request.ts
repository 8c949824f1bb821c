// The content of one request: its head, query, form and path, decoded, and its text in log lines. Does not know routes,
// handlers or responses; a request that cannot be decoded throws an HTTPError.

import type { QueryProtocolError } from '@landspout/http1';
import { IncomingRequest } from '@landspout/http1/server';
import type { HTTPError } from '../errors.ts';
import { refusalOf } from './url-encoding.ts';

/** One request as a handler sees it. Properties are computed when they are first used. */
export class HTTPServerRequest extends IncomingRequest {
  readonly #startMs = performance.now();

  /** Milliseconds since the request head was received. */
  requestTime(): number {
    return performance.now() - this.#startMs;
  }

  /** Used by the application: whether the headers may include preconditions, so that looking for them is worthwhile. */
  get mayHavePrecondition(): boolean {
    return this.head.hasPrecondition !== false;
  }

  protected override refusal(error: QueryProtocolError): HTTPError {
    return refusalOf(error);
  }
}
