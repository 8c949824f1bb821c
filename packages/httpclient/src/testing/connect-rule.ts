import { parseAbsoluteUrl } from '@landspout/http1/protocol';
import { shownText } from '@landspout/ioloop/errors';
import { MockUsageError, mockChecks } from './errors.ts';
import { MockFailure } from './mock-failure.ts';
import { DEFAULT_PORTS, type MockRuleOptions, RULE_OPTIONS, RuleUses } from './mock-rules.ts';

/** Which servers a rule matches: an origin such as `https://example.com`, a regular expression for it, or `*`. */
export type MockOrigin = string | RegExp;

/** A rule of `onConnect`. */
export class ConnectRule {
  readonly uses: RuleUses;
  readonly kind: 'refuse' | 'resolve' | 'hang';
  readonly #origin: MockOrigin;
  readonly #matches: (origin: string) => boolean;

  /** @throws MockUsageError `ERR_MOCK_USAGE` if an argument is invalid. */
  constructor(origin: MockOrigin, failure: MockFailure, options: MockRuleOptions) {
    mockChecks.options('onConnect', options, RULE_OPTIONS);
    this.uses = new RuleUses('onConnect', options);
    this.#origin = origin;
    this.#matches = matcherOf(origin);
    this.kind = kindOf(failure);
  }

  matches(origin: string): boolean {
    return !this.uses.isUsedUp && this.#matches(origin);
  }

  toString(): string {
    return `fail.${this.kind} for ${shownText(String(this.#origin))} (${this.uses})`;
  }
}

function kindOf(failure: MockFailure): ConnectRule['kind'] {
  if (failure instanceof MockFailure) {
    const { plan } = failure;
    if (plan.kind === 'refuse' || plan.kind === 'resolve') return plan.kind;
    if (plan.kind === 'hang' && plan.part === undefined) return plan.kind;
  }
  throw mockChecks.wrong('onConnect', 'fail.refuse(), fail.resolve() or fail.hang()', failure);
}

function matcherOf(origin: MockOrigin): (origin: string) => boolean {
  if (origin === '*') return () => true;
  if (origin instanceof RegExp) {
    const pattern = new RegExp(origin.source, origin.flags.replace(/[gy]/g, ''));
    return (actual) => pattern.test(actual);
  }
  if (typeof origin !== 'string')
    throw mockChecks.wrong('onConnect', 'an origin or a regular expression', origin);
  let wanted: string;
  try {
    const url = parseAbsoluteUrl(origin, DEFAULT_PORTS);
    wanted = `${url.scheme}://${url.authority}`;
    if (url.target !== '/' || url.hasFragment || url.userInformation !== undefined)
      throw new Error('it is not an origin');
  } catch (error) {
    const problem = `onConnect: an origin such as https://example.com was expected: ${(error as Error).message}`;
    throw new MockUsageError('ERR_MOCK_USAGE', problem, { cause: error });
  }
  return (actual) => actual === wanted;
}
