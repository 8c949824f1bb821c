import { isThenable } from '@landspout/ioloop/reactor';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { HTTPError, WebUsageError, webChecks } from '../errors.ts';

/** A schema of any library that implements Standard Schema, such as Zod, Valibot or ArkType. */
export type Schema<Output = unknown> = StandardSchemaV1<unknown, Output>;

/** What a schema makes of its input. */
export type SchemaOutput<Given extends StandardSchemaV1> = StandardSchemaV1.InferOutput<Given>;

/** A field that does not fit a schema. */
export interface FieldIssue {
  /** Where, such as `['items', 0, 'price']`; empty for the whole input. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Most issues that a response lists. */
const MAX_ISSUES = 100;

/**
 * Checks a value of the client.
 *
 * @throws HTTPError 422 if it does not fit; its problem document lists the `errors`, at most 100.
 * @throws WebUsageError `ERR_WEB_USAGE` if the schema is not one, or is asynchronous: use {@link parseWithAsync} then.
 */
export function parseWith<Given extends StandardSchemaV1>(
  schema: Given,
  value: unknown,
): SchemaOutput<Given> {
  const result = standardOf('parse', schema).validate(value);
  if (isThenable(result)) {
    throw new WebUsageError('ERR_WEB_USAGE', 'parse: the schema is asynchronous; use parseAsync');
  }
  return outputOf(result as StandardSchemaV1.Result<SchemaOutput<Given>>);
}

/** Like {@link parseWith}, for schemas that may be asynchronous. */
export async function parseWithAsync<Given extends StandardSchemaV1>(
  schema: Given,
  value: unknown,
): Promise<SchemaOutput<Given>> {
  const result = await standardOf('parseAsync', schema).validate(value);
  return outputOf(result as StandardSchemaV1.Result<SchemaOutput<Given>>);
}

function standardOf(operation: string, schema: unknown): StandardSchemaV1.Props {
  const standard = (schema as Partial<StandardSchemaV1> | null | undefined)?.['~standard'];
  if (typeof standard?.validate === 'function') return standard;
  throw webChecks.wrong(operation, 'a schema of a library that implements Standard Schema', schema);
}

function outputOf<Output>(result: StandardSchemaV1.Result<Output>): Output {
  if (result.issues === undefined) return result.value;
  const errors = result.issues.slice(0, MAX_ISSUES).map(issueOf);
  const [first] = errors;
  const where = first === undefined || first.path.length === 0 ? 'the input' : first.path.join('.');
  const detail = 'The input does not have the expected form.';
  throw new HTTPError(422, `${where}: ${first?.message ?? 'invalid'}`, { detail, extensions: { errors } });
}

function issueOf({ message, path = [] }: StandardSchemaV1.Issue): FieldIssue {
  const keys = path.map((part) => (typeof part === 'object' ? part.key : part));
  return { path: keys.map((key) => (typeof key === 'number' ? key : String(key))), message };
}

/** The values of a form or query as an object: text, or an array of texts if a name has several. */
export function objectOf(fields: ReadonlyMap<string, readonly string[]>): Record<string, string | string[]> {
  const object: Record<string, string | string[]> = Object.create(null);
  for (const [name, values] of fields) {
    object[name] = values.length === 1 ? (values[0] as string) : [...values];
  }
  return object;
}
