import { HTTPError } from '../errors.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';

/** What a request is about. */
export interface TopicTarget {
  readonly kind: 'topic' | 'run';
  /** The name of the topic, or the id of the run. */
  readonly name: string;
}

/** The maximum length of a name, as in the topics package. */
const MAX_NAME_BYTES = 256;
/** Control characters, and lone surrogates, which are not UTF-8. */
const NOT_IN_NAMES = /[\p{Cc}\p{Surrogate}]/u;

/**
 * Returns which topic or run the query names.
 *
 * @throws HTTPError 400 if it names none or both, or the name is invalid.
 */
export function targetOf(request: HTTPServerRequest): TopicTarget {
  const topic = onlyValue(request, 'topic');
  const run = onlyValue(request, 'run');
  if (topic !== undefined && run === undefined) return { kind: 'topic', name: validName('topic', topic) };
  if (run !== undefined && topic === undefined) return { kind: 'run', name: validName('run', run) };
  throw badRequest('The query must have exactly one of the arguments topic and run.');
}

/** A proxy that checks requests may read the first of two values. */
function onlyValue(request: HTTPServerRequest, name: string): string | undefined {
  const values = request.queryArguments.get(name);
  if (values !== undefined && values.length > 1)
    throw badRequest(`The query has the argument ${name} twice.`);
  return values?.[0];
}

/** Like {@link targetOf}, for a method that only topics or only runs have. */
export function nameOf(request: HTTPServerRequest, kind: TopicTarget['kind']): string {
  const target = targetOf(request);
  if (target.kind === kind) return target.name;
  throw badRequest(`${request.method} needs the argument ${kind}.`);
}

/** @param detail - a sentence for the client. */
export function badRequest(detail: string): HTTPError {
  return new HTTPError(400, undefined, { detail, headers: { 'Cache-Control': 'no-store' } });
}

/**
 * Whether a value can be the name of a topic, the id of a run, or a `ref`: text of 1 to 256 bytes of UTF-8 without
 * control characters.
 */
export function isName(value: unknown): value is string {
  // UTF-8 has at least one byte for each UTF-16 code unit: long text is refused before its bytes are counted.
  if (typeof value !== 'string' || value.length === 0 || value.length > MAX_NAME_BYTES) return false;
  return Buffer.byteLength(value) <= MAX_NAME_BYTES && !NOT_IN_NAMES.test(value);
}

function validName(argument: string, name: string): string {
  if (isName(name)) return name;
  throw badRequest(
    `The argument ${argument} must have 1 to ${MAX_NAME_BYTES} bytes and no control characters.`,
  );
}
