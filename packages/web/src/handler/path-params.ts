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
