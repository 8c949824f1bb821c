// This room knows what one request says: its head, query, form and path, decoded, and its line for the log. It does not know
// routes, handlers or responses; a request that cannot be decoded throws an HTTPError.

import type { QueryProtocolError } from '@landspout/http1';
import { IncomingRequest } from '@landspout/http1/server';
import type { HTTPError } from '../errors.ts';
import { refusalOf } from './url-encoding.ts';

/** One request as a handler sees it. What is not asked for is not computed. */
export class HTTPServerRequest extends IncomingRequest {
  readonly #startMs = performance.now();

  /** Milliseconds since the head came. */
  requestTime(): number {
    return performance.now() - this.#startMs;
  }

  /** For the application: whether preconditions may be among the headers, so that looking for them is worth it. */
  get mayHavePrecondition(): boolean {
    return this.head.hasPrecondition !== false;
  }

  protected override refusal(error: QueryProtocolError): HTTPError {
    return refusalOf(error);
  }
}
