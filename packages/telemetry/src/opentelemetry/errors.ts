import { ArgumentChecks, CodedError } from '@landspout/ioloop/errors';

/** Errors of the bridge to OpenTelemetry. */
export const TRACING_ERRORS = {
  ERR_TRACING_USAGE: { meaning: 'An option is invalid; nothing is traced. See the message.' },
  ERR_TRACING_ACTIVE: {
    meaning:
      'Another bridge of this process already makes spans of this kind; nothing was changed. Close it first, or turn the kind off in one of them.',
  },
  ERR_TRACING_MISSING_PEER: {
    meaning:
      '`@landspout/telemetry/opentelemetry` was imported, but `@opentelemetry/api` is not installed; the message has the command.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type TracingErrorCode = keyof typeof TRACING_ERRORS;

/** The program made an invalid call, which had no effect. */
export class TracingUsageError extends CodedError<TracingErrorCode> {
  override readonly name = 'TracingUsageError';
}

/** The checks of the options of the bridge. */
export const tracingChecks = new ArgumentChecks(
  (problem) => new TracingUsageError('ERR_TRACING_USAGE', problem),
);
