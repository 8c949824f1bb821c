import { isThenable } from '@landspout/ioloop/reactor';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { disown, HTTPError, WebUsageError, webChecks } from '../errors.ts';

/** A schema of any library that implements Standard Schema, such as Zod, Valibot or ArkType. */
export type Schema<Output = unknown> = StandardSchemaV1<unknown, Output>;

/** The output type of a schema. */
export type SchemaOutput<Given extends StandardSchemaV1> = StandardSchemaV1.InferOutput<Given>;

/** A field that does not fit a schema. */
export interface FieldIssue {
  /** The path of the field, such as `['items', 0, 'price']`; empty for the whole input. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Maximum number of issues that a response lists. */
const MAX_ISSUES = 100;
/**
 * Maximum number of parts of an issue's path: the client's data may be deeply nested, and the issue may be about the
 * innermost part.
 */
const MAX_PATH_PARTS = 32;
/** Maximum number of characters of a message and of a key, which may contain text from the client. */
const MAX_MESSAGE_CHARS = 1_000;
const MAX_KEY_CHARS = 100;

/**
 * Validates a value from the client.
 *
 * @throws HTTPError 422 if it does not fit; its problem document lists the `errors`, at most 100.
 * @throws WebUsageError `ERR_WEB_USAGE` if the schema is invalid, or is asynchronous: use {@link parseWithAsync} then.
 */
export function parseWith<Given extends StandardSchemaV1>(
  schema: Given,
  value: unknown,
): SchemaOutput<Given> {
  const result: unknown = standardOf('parse', schema).validate(value);
  if (isThenable(result)) {
    disown(result);
    throw new WebUsageError('ERR_WEB_USAGE', 'parse: the schema is asynchronous; use parseAsync');
  }
  return outputOf('parse', result) as SchemaOutput<Given>;
}

/** Like {@link parseWith}, for schemas that may be asynchronous. */
export async function parseWithAsync<Given extends StandardSchemaV1>(
  schema: Given,
  value: unknown,
): Promise<SchemaOutput<Given>> {
  const result: unknown = await standardOf('parseAsync', schema).validate(value);
  return outputOf('parseAsync', result) as SchemaOutput<Given>;
}

function standardOf(operation: string, schema: unknown): StandardSchemaV1.Props {
  const standard = (schema as Partial<StandardSchemaV1> | null | undefined)?.['~standard'];
  if (typeof standard?.validate === 'function') return standard;
  throw webChecks.wrong(operation, 'a schema of a library that implements Standard Schema', schema);
}

function outputOf(operation: string, result: unknown): unknown {
  if (typeof result !== 'object' || result === null) {
    throw webChecks.wrong(operation, 'a schema that returns an object with a value or issues', result);
  }
  const { issues, value } = result as {
    readonly issues?: unknown;
    readonly value?: unknown;
  };
  if (issues === undefined) return value;
  if (!Array.isArray(issues)) throw webChecks.wrong(operation, 'a schema whose issues are an array', issues);
  const errors = issues.slice(0, MAX_ISSUES).map(issueOf);
  const [first] = errors;
  const where = first === undefined || first.path.length === 0 ? 'the input' : first.path.join('.');
  const detail = 'The input does not have the expected form.';
  throw new HTTPError(422, `${where}: ${first?.message ?? 'invalid'}`, { detail, extensions: { errors } });
}

/** Converts an issue of a schema. Parts of it may be data from the client, of any length, so they are clipped. */
function issueOf(issue: unknown): FieldIssue {
  const { message, path } = (issue ?? {}) as {
    readonly message?: unknown;
    readonly path?: unknown;
  };
  const parts = Array.isArray(path) ? path.slice(0, MAX_PATH_PARTS) : [];
  return {
    path: parts.map(pathPart),
    message: typeof message === 'string' ? clipped(message, MAX_MESSAGE_CHARS) : 'invalid',
  };
}

/** Converts a part of a path, which is either a key or an object with a key. */
function pathPart(part: unknown): string | number {
  const key: unknown = typeof part === 'object' && part !== null ? (part as { key?: unknown }).key : part;
  if (typeof key === 'number') return key;
  return typeof key === 'string' ? clipped(key, MAX_KEY_CHARS) : typeof key === 'symbol' ? String(key) : '?';
}

function clipped(text: string, maxChars: number): string {
  return text.length > maxChars ? `${text.slice(0, maxChars)}…` : text;
}

/** Returns a form or query as an object whose values are strings, or arrays of strings if a name has several values. */
export function objectOf(fields: ReadonlyMap<string, readonly string[]>): Record<string, string | string[]> {
  const object: Record<string, string | string[]> = Object.create(null);
  for (const [name, values] of fields) {
    object[name] = values.length === 1 ? (values[0] as string) : [...values];
  }
  return object;
}
