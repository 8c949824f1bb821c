import { CodedError } from '@landspout/ioloop/errors';

/** How a health check fails, other than with an error of its own. */
export const HEALTH_ERRORS = {
  ERR_WEB_HEALTH_CHECK: {
    meaning:
      'A health check took longer than `timeoutMs`, is still running since an earlier request, or resolved to `false`. Logged, and the abort reason of the signal of a check; never sent to a client.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type HealthErrorCode = keyof typeof HEALTH_ERRORS;

/** A health check failed without an error of its own; see the message. */
export class HealthCheckError extends CodedError<HealthErrorCode> {
  override readonly name = 'HealthCheckError';

  constructor(problem: string, options?: ErrorOptions) {
    super('ERR_WEB_HEALTH_CHECK', problem, options);
  }
}
