import type { Application } from '../application/application.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import type { ResponseDraft } from '../response/response-draft.ts';
import type { PathParams } from './path-params.ts';

/**
 * What the application gives to the constructor of a handler. Opaque: a handler class with a constructor of its own
 * passes it on, and finds all of it under other names on `this`.
 */
export interface HandlerContext {
  readonly application: Application;
  readonly request: HTTPServerRequest;
  /** @internal */
  readonly response: ResponseDraft;
  /** @internal Named groups of the pattern, decoded. */
  readonly pathParams: PathParams;
  /** @internal Groups of the pattern in order, decoded; undefined for one that took no part. Set before `prepare`. */
  readonly pathArgs: readonly (string | undefined)[];
  /** @internal The answer is complete. */
  answered(): void;
  /** @internal An error of the handler that nobody else caught. */
  failed(error: unknown): void;
}
