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

/** What a schema makes of a value: its output, or the issues of a value that does not fit, at most 100. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly FieldIssue[] };

/** Maximum number of issues that are listed. */
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
  return outputOf(validateWith('parse', schema, value));
}

/** Like {@link parseWith}, for schemas that may be asynchronous. */
export async function parseWithAsync<Given extends StandardSchemaV1>(
  schema: Given,
  value: unknown,
): Promise<SchemaOutput<Given>> {
  return outputOf(await validateWithAsync('parseAsync', schema, value));
}

/**
 * Validates a value with a schema, for code that reports issues in its own way, such as that of another protocol. In a
 * handler, use `RequestHandler.parse`.
 *
 * @param operation - the name of the calling function, with which the message of an error begins.
 * @returns the output of the schema, or the issues. Texts in the issues may be the client's, and are clipped.
 * @throws WebUsageError `ERR_WEB_USAGE` if the schema is invalid, or is asynchronous.
 */
export function validateWith<Given extends Schema>(
  operation: string,
  schema: Given,
  value: unknown,
): SchemaResult<SchemaOutput<Given>> {
  const result: unknown = standardOf(operation, schema).validate(value);
  if (isThenable(result)) {
    disown(result);
    const problem = `${operation}: the schema is asynchronous; use ${operation}Async`;
    throw new WebUsageError('ERR_WEB_USAGE', problem);
  }
  return resultOf(operation, result) as SchemaResult<SchemaOutput<Given>>;
}

/** Like {@link validateWith}, for schemas that may be asynchronous. */
export async function validateWithAsync<Given extends Schema>(
  operation: string,
  schema: Given,
  value: unknown,
): Promise<SchemaResult<SchemaOutput<Given>>> {
  const result: unknown = await standardOf(operation, schema).validate(value);
  return resultOf(operation, result) as SchemaResult<SchemaOutput<Given>>;
}

function standardOf(operation: string, schema: unknown): StandardSchemaV1.Props {
  const standard = (schema as Partial<StandardSchemaV1> | null | undefined)?.['~standard'];
  if (typeof standard?.validate === 'function') return standard;
  throw webChecks.wrong(operation, 'a schema of a library that implements Standard Schema', schema);
}

function resultOf(operation: string, result: unknown): SchemaResult<unknown> {
  if (typeof result !== 'object' || result === null) {
    throw webChecks.wrong(operation, 'a schema that returns an object with a value or issues', result);
  }
  const { issues, value } = result as {
    readonly issues?: unknown;
    readonly value?: unknown;
  };
  if (issues === undefined) return { value };
  if (!Array.isArray(issues)) throw webChecks.wrong(operation, 'a schema whose issues are an array', issues);
  return { issues: issues.slice(0, MAX_ISSUES).map(issueOf) };
}

/** @throws HTTPError 422 that lists the issues, if there are any. */
function outputOf<Output>(result: SchemaResult<Output>): Output {
  if (result.issues === undefined) return result.value;
  const [first] = result.issues;
  const where = first === undefined || first.path.length === 0 ? 'the input' : first.path.join('.');
  const detail = 'The input does not have the expected form.';
  throw new HTTPError(422, `${where}: ${first?.message ?? 'invalid'}`, {
    detail,
    extensions: { errors: result.issues },
  });
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
