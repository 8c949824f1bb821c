import { shownValue } from '@landspout/ioloop/errors';
import {
  type FieldIssue,
  MAX_JSON_LEVELS,
  parseJson,
  type Schema,
  type SchemaOutput,
  type SchemaResult,
  validateWith,
  validateWithAsync,
} from '@landspout/web';
import { WebSocketMessageError } from '../connection/errors.ts';
import { CLOSE_CODES, WebSocketUsageError } from '../protocol/index.ts';

/**
 * Parses a message as JSON, and validates it if there is a schema of any library that implements Standard Schema, such
 * as Zod or Valibot. At most 512 levels of arrays and objects are accepted.
 *
 * If the error leaves `onMessage` or `onMessages`, the connection is closed with 1007 and a short reason, which names
 * the first field that does not fit; it is logged at level `debug`. Catch it to reply instead.
 *
 * @returns the value, or the output of the schema.
 * @throws WebSocketMessageError `ERR_WEBSOCKET_BAD_MESSAGE` if the message is not JSON or does not fit the schema. A
 *   binary message is refused too; the close code is then 1003.
 * @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` if `message` is not a message, such as the null that
 *   `readMessage` returns at the end. WebUsageError `ERR_WEB_USAGE` if the schema is invalid, or is asynchronous: use
 *   {@link parseMessageAsync} then.
 *
 * @example
 * const Move = z.object({ x: z.number(), y: z.number() });
 * class Board extends WebSocketHandler {
 *   override onMessage(message: string | Uint8Array) {
 *     const { x, y } = parseMessage(message, Move);
 *     return this.writeMessage({ moved: [x, y] });
 *   }
 * }
 */
export function parseMessage(message: string | Uint8Array): unknown;
export function parseMessage<Given extends Schema>(
  message: string | Uint8Array,
  schema: Given,
): SchemaOutput<Given>;
// A rest parameter: a schema that is undefined by mistake must not turn validation off.
export function parseMessage(message: string | Uint8Array, ...rest: readonly Schema[]): unknown {
  const value = jsonOf('parseMessage', message);
  if (rest.length === 0) return value;
  return outputOf('parseMessage', validateWith('parseMessage', rest[0] as Schema, value));
}

/** Like {@link parseMessage}, for schemas that may be asynchronous. */
export async function parseMessageAsync<Given extends Schema>(
  message: string | Uint8Array,
  schema: Given,
): Promise<SchemaOutput<Given>> {
  const value = jsonOf('parseMessageAsync', message);
  return outputOf('parseMessageAsync', await validateWithAsync('parseMessageAsync', schema, value));
}

function jsonOf(operation: string, message: unknown): unknown {
  if (message instanceof Uint8Array) {
    throw refused(operation, 'the message must be text, but is binary', CLOSE_CODES.unsupportedData);
  }
  if (typeof message !== 'string') {
    const problem = `${operation}: message must be a string or a Uint8Array, got ${shownValue(message)}`;
    throw new WebSocketUsageError('ERR_WEBSOCKET_BAD_OPTION', problem);
  }
  const parsed = parseJson(message);
  if (parsed.problem === undefined) return parsed.value;
  // The error of the parser quotes the text, which may contain credentials, so it is not the cause.
  if (parsed.problem === 'syntax') throw refused(operation, 'the message must be JSON');
  throw refused(operation, `the message must not have more than ${MAX_JSON_LEVELS} levels`);
}

function refused(operation: string, reason: string, closeCode?: number): WebSocketMessageError {
  const options = closeCode === undefined ? {} : { closeCode };
  return new WebSocketMessageError(`${operation}: ${reason}`, { closeReason: reason, ...options });
}

function outputOf<Output>(operation: string, result: SchemaResult<Output>): Output {
  const { issues } = result;
  if (issues === undefined) return result.value;
  const [first] = issues;
  const field = pathOf(first);
  throw new WebSocketMessageError(`${operation}: ${field ?? 'the message'}: ${first?.message ?? 'invalid'}`, {
    closeReason: field === undefined ? 'the message is invalid' : `invalid: ${field}`,
    issues,
  });
}

/** Such as `items.0.price`; undefined for the whole message. */
function pathOf(issue: FieldIssue | undefined): string | undefined {
  return issue === undefined || issue.path.length === 0 ? undefined : issue.path.join('.');
}
