import { HTTPError } from '../errors.ts';
import { queryValue } from '../event-stream/read-from.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';

/** What a request is about. */
export interface TopicTarget {
  readonly kind: 'topic' | 'run';
  /** The name of the topic, or the id of the run. */
  readonly name: string;
}

/** The maximum length of a name, as in the topics package. */
const MAX_NAME_BYTES = 256;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is searched for
const CONTROLS = /[\x00-\x1f\x7f-\x9f]/;

/**
 * Returns which topic or run the query names.
 *
 * @throws HTTPError 400 if it names none or both, or the name is invalid.
 */
export function targetOf(request: HTTPServerRequest): TopicTarget {
  const topic = queryValue(request, 'topic');
  const run = queryValue(request, 'run');
  if (topic !== undefined && run === undefined) return { kind: 'topic', name: validName('topic', topic) };
  if (run !== undefined && topic === undefined) return { kind: 'run', name: validName('run', run) };
  throw badRequest('The query must have exactly one of the arguments topic and run.');
}

/** Like {@link targetOf}, for a method that only topics or only runs have. */
export function nameOf(request: HTTPServerRequest, kind: TopicTarget['kind']): string {
  const target = targetOf(request);
  if (target.kind === kind) return target.name;
  throw badRequest(`${request.method} needs the argument ${kind}.`);
}

/** @param detail - a sentence for the client. */
export function badRequest(detail: string): HTTPError {
  return new HTTPError(400, undefined, { detail });
}

function validName(argument: string, name: string): string {
  if (name !== '' && Buffer.byteLength(name) <= MAX_NAME_BYTES && !CONTROLS.test(name)) return name;
  throw badRequest(
    `The argument ${argument} must have 1 to ${MAX_NAME_BYTES} bytes and no control characters.`,
  );
}
