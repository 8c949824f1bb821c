import type { Application } from '../application/application.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import type { ResponseDraft } from '../response/response-draft.ts';

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

/** The parameter that one segment of a pattern names: `:id` and `*rest`, and nothing else. */
type SegmentParam<Segment extends string> = Segment extends `:${infer Name}`
  ? Name
  : Segment extends `*${infer Name}`
    ? Name
    : never;

type ParamNames<Pattern extends string> = Pattern extends `${infer Segment}/${infer Rest}`
  ? SegmentParam<Segment> | ParamNames<Rest>
  : SegmentParam<Pattern>;

/**
 * The parameters of a route pattern: `{ readonly id: string }` of `'/user/:id'`. Of a pattern that is not known to
 * the compiler, such as a regular expression, any name that may be there.
 */
export type PathParams<Pattern extends string = string> = string extends Pattern
  ? Readonly<Record<string, string>>
  : { readonly [Name in ParamNames<Pattern>]: string };
