import { isThenable } from '@landspout/ioloop/reactor';
import { type SchemaIssue, TopicsUsageError, topicsChecks } from '../errors.ts';

/** A schema as Standard Schema v1 defines it: those of Zod, Valibot, ArkType and others. */
export interface MessageSchema<Message> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaOutcome<Message> | Promise<SchemaOutcome<Message>>;
    readonly types?: { readonly input: unknown; readonly output: Message } | undefined;
  };
}

type SchemaOutcome<Message> =
  | { readonly value: Message; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** @throws TopicsUsageError `ERR_TOPICS_USAGE` if it is not a Standard Schema. */
export function requireSchema<Message>(schema: MessageSchema<Message>): MessageSchema<Message> {
  const standard = (schema as Partial<MessageSchema<Message>> | undefined)?.['~standard'];
  if (typeof standard?.validate === 'function') return schema;
  throw topicsChecks.wrong('topic', 'schema: a Standard Schema', schema);
}

/**
 * Returns what the schema makes of the data; a promise only if the schema does.
 *
 * @throws TopicsUsageError `ERR_TOPICS_INVALID_DATA`.
 */
export function validated<Message>(
  topic: string,
  schema: MessageSchema<Message>,
  data: unknown,
): Message | Promise<Message> {
  const outcome = schema['~standard'].validate(data);
  if (!isThenable(outcome)) return messageOf(topic, outcome);
  return Promise.resolve(outcome).then((settled) => messageOf(topic, settled));
}

function messageOf<Message>(topic: string, outcome: SchemaOutcome<Message>): Message {
  if (outcome.issues === undefined) return outcome.value;
  const [first] = outcome.issues;
  const path = (first?.path ?? [])
    .map((part) => String(typeof part === 'object' ? part.key : part))
    .join('.');
  const where = path === '' ? '' : ` at ${path}`;
  throw new TopicsUsageError(
    'ERR_TOPICS_INVALID_DATA',
    `publish: the schema of topic ${topic} refuses the data${where}: ${first?.message ?? 'no reason given'}`,
    { issues: outcome.issues },
  );
}
