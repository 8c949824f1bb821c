import { ArgumentChecks, CodedError } from '@landspout/ioloop/errors';

/** The ways in which a call on metrics can fail. */
export const METRICS_ERRORS = {
  ERR_METRICS_USAGE: {
    meaning: 'An option or argument of the metrics is invalid; nothing was changed. See the message.',
  },
  ERR_METRICS_NAME: {
    meaning:
      'The name of a metric or label is not one of Prometheus: letters, digits and underscores, not starting with a digit; a counter ends with `_total`.',
  },
  ERR_METRICS_DUPLICATE: {
    meaning:
      'A metric with this name exists already, or one of its lines would have the name of a line of another metric.',
  },
  ERR_METRICS_LABELS: {
    meaning:
      'The labels of an observation are not exactly those that the metric was defined with; nothing was counted.',
  },
  ERR_METRICS_VALUE: {
    meaning:
      'The value of an observation is not a number that the metric can have, such as NaN or a negative increment of a counter; nothing was counted.',
  },
  ERR_METRICS_UNAVAILABLE: {
    meaning:
      'The parent, which adds up the metrics of all processes, did not reply in time or has no metrics of this name; see the message. The handler responds with 503.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type MetricsErrorCode = keyof typeof METRICS_ERRORS;

/** The caller passed something invalid; nothing was counted or changed. */
export class MetricsUsageError extends CodedError<Exclude<MetricsErrorCode, 'ERR_METRICS_UNAVAILABLE'>> {
  override readonly name = 'MetricsUsageError';
}

/** The metrics of the other processes cannot be read now. */
export class MetricsUnavailableError extends CodedError<'ERR_METRICS_UNAVAILABLE'> {
  override readonly name = 'MetricsUnavailableError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_METRICS_UNAVAILABLE', message, options);
  }
}

/** The checks of options and arguments. */
export const metricsChecks = new ArgumentChecks(
  (problem) => new MetricsUsageError('ERR_METRICS_USAGE', problem),
);
