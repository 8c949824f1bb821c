// The health/ folder has the handlers for the probes of load balancers and container platforms, and runs the checks of
// the program that they report.

import {
  MAX_DELAY_MS,
  type OptionNames,
  optionsProblem,
  shownText,
  shownValue,
} from '@landspout/ioloop/errors';
import { type HealthCheck, HealthChecks } from './health-checks.ts';

/** The `init` value of a route to LivenessHandler or ReadinessHandler. */
export interface HealthInit {
  /** The checks by name, at most 64. Clients see the names of those that fail. Default: none. */
  readonly checks?: Readonly<Record<string, HealthCheck>>;
  /** How long a check may take, above 0. After this time it has failed. Default: 2,000 (2 s). */
  readonly timeoutMs?: number;
}

/** Shorter than the 3 s that the example manifest gives a probe, so that a slow check is a response and not a timeout. */
export const DEFAULT_CHECK_TIMEOUT_MS = 2_000;

/** More than any program has; each of them runs for each probe. */
const MAX_CHECKS = 64;
const MAX_NAME_CHARS = 100;

const HEALTH_INIT: OptionNames<HealthInit> = { checks: true, timeoutMs: true };

/** The checks of each route, by its `init` value, which is the same for all its requests. */
const known = new WeakMap<object, HealthChecks>();

/** Returns the checks of a route, which all its requests share. @param init - a value without {@link healthInitProblem}. */
export function healthChecksOf(init: HealthInit): HealthChecks {
  let checks = known.get(init);
  if (checks === undefined) {
    checks = new HealthChecks(init.checks ?? {}, init.timeoutMs ?? DEFAULT_CHECK_TIMEOUT_MS);
    known.set(init, checks);
  }
  return checks;
}

/** Describes what is wrong with the `init` value of a route; undefined if nothing is. */
export function healthInitProblem(init: object): string | undefined {
  const unknown = optionsProblem(init, HEALTH_INIT);
  if (unknown !== undefined) return unknown;
  const { checks = {}, timeoutMs = DEFAULT_CHECK_TIMEOUT_MS } = init as HealthInit;
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0 && timeoutMs <= MAX_DELAY_MS))
    return `timeoutMs must be a number above 0, and at most ${MAX_DELAY_MS}, got ${shownValue(timeoutMs)}`;
  if (typeof checks !== 'object' || checks === null || Array.isArray(checks))
    return `checks must be an object of functions by name, got ${shownValue(checks)}`;
  const entries = Object.entries(checks);
  if (entries.length > MAX_CHECKS) return `checks must be at most ${MAX_CHECKS}, got ${entries.length}`;
  for (const [name, check] of entries) {
    if (name === '' || name.length > MAX_NAME_CHARS)
      return `the name of a check must have 1 to ${MAX_NAME_CHARS} characters, got ${shownText(name, 40)}`;
    if (typeof check !== 'function')
      return `the check ${shownText(name)} must be a function, got ${shownValue(check)}`;
  }
  return undefined;
}
