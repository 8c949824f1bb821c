import { parseAbsoluteUrl } from '@landspout/http1/protocol';
import { type OptionNames, shownText } from '@landspout/ioloop/errors';
import { MockUsageError, mockChecks, ruleFailed } from './errors.ts';
import { MockFailure } from './mock-failure.ts';
import type { MockRequest } from './mock-request.ts';
import { type MockResponse, type PreparedResponse, prepareResponse } from './mock-response.ts';

/**
 * Which URLs a rule matches: an absolute URL, or a path on any host, both with any query unless they have one; a regular
 * expression for the whole URL; or a function.
 */
export type MockUrl = string | RegExp | ((request: MockRequest) => boolean);

/** What a rule responds with. */
export type MockReply = MockResponse | MockFailure;

/** Creates the reply to a request. If it throws or rejects, the fetch fails with that error as a cause. */
export type MockResponder = (request: MockRequest) => MockReply | PromiseLike<MockReply>;

export interface MockRuleOptions {
  /** How many requests the rule serves; after that, it is skipped. Default: no limit. */
  readonly times?: number;
  /** Whether the rule goes before those that were added earlier, instead of after them. Default: false. */
  readonly first?: boolean;
}

export const RULE_OPTIONS: OptionNames<MockRuleOptions> = {
  times: true,
  first: true,
};
export const DEFAULT_PORTS = { http: 80, https: 443 };

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const MAX_LISTED = 20;
const MAX_SHOWN = 200;

/** Counts how often a rule was used. */
export class RuleUses {
  readonly #times: number;
  #used = 0;

  constructor(operation: string, { times }: MockRuleOptions) {
    this.#times = times === undefined ? Infinity : mockChecks.wholeNumber(operation, 'times', times, 1);
  }

  get isUsedUp(): boolean {
    return this.#used >= this.#times;
  }

  /** Whether the rule has a number of times that is not reached. */
  get isPending(): boolean {
    return this.#times !== Infinity && this.#used < this.#times;
  }

  count(): void {
    this.#used += 1;
  }

  toString(): string {
    return this.#times === Infinity
      ? `used ${this.#used} times`
      : `used ${this.#used} of ${this.#times} times`;
  }
}

/** A rule of `on`. */
export class MockRule {
  readonly uses: RuleUses;
  readonly #method: string;
  readonly #url: string;
  readonly #matches: (request: MockRequest) => boolean;
  readonly #reply: PreparedResponse | MockFailure | MockResponder;

  /** @throws MockUsageError `ERR_MOCK_USAGE`; Http1UsageError for a header that must not be sent. */
  constructor(method: string, url: MockUrl, reply: MockReply | MockResponder, options: MockRuleOptions) {
    mockChecks.options('on', options, RULE_OPTIONS);
    this.uses = new RuleUses('on', options);
    if (typeof method !== 'string' || !TOKEN.test(method))
      throw mockChecks.wrong('on', "a method, or '*' for any,", method);
    this.#method = method;
    this.#matches = matcherOf(url);
    this.#url = typeof url === 'function' ? `(${url.name === '' ? 'a function' : url.name})` : String(url);
    this.#reply = typeof reply === 'function' ? reply : prepareReply('on', reply);
  }

  /** @throws MockTransportError `ERR_MOCK_RESPONSE` if the function of the rule threw. */
  matches(request: MockRequest): boolean {
    if (this.uses.isUsedUp || (this.#method !== '*' && this.#method !== request.method)) return false;
    try {
      return this.#matches(request);
    } catch (error) {
      throw ruleFailed(`the function of the rule ${this} threw`, error);
    }
  }

  /** @throws MockTransportError `ERR_MOCK_RESPONSE` if the function of the rule threw or returned another value. */
  async replyTo(request: MockRequest): Promise<PreparedResponse | MockFailure> {
    if (typeof this.#reply !== 'function') return this.#reply;
    try {
      return prepareReply('the function', await this.#reply(request));
    } catch (error) {
      throw ruleFailed(`the response of the rule ${this} failed`, error);
    }
  }

  toString(): string {
    return `${this.#method} ${shownText(this.#url, MAX_SHOWN)} (${this.uses})`;
  }
}

/** Lists rules or requests for a message. @param count - of all, if only some are in `lines`. */
export function listed(lines: readonly string[], count = lines.length): string {
  const shown = lines.slice(0, MAX_LISTED);
  const more = count > shown.length ? `; and ${count - shown.length} more` : '';
  return `${shown.map((line, index) => `${index + 1}. ${line}`).join('; ')}${more}`;
}

function prepareReply(operation: string, reply: MockResponse | MockFailure): PreparedResponse | MockFailure {
  if (!(reply instanceof MockFailure)) return prepareResponse(operation, reply);
  const { kind } = reply.plan;
  if (kind !== 'refuse' && kind !== 'resolve') return reply;
  throw new MockUsageError(
    'ERR_MOCK_USAGE',
    `${operation}: fail.${kind} fails before there is a request; use onConnect for it`,
  );
}

function matcherOf(url: MockUrl): (request: MockRequest) => boolean {
  if (typeof url === 'function') return url;
  if (url instanceof RegExp) {
    // Without the flags that make the result depend on the search before.
    const pattern = new RegExp(url.source, url.flags.replace(/[gy]/g, ''));
    return (request) => pattern.test(request.url);
  }
  if (typeof url !== 'string') throw mockChecks.wrong('on', 'a URL, a regular expression or a function', url);
  const isPath = url.startsWith('/');
  const { href, target, hasFragment, userInformation } = parsedUrl(isPath ? `http://any${url}` : url);
  // The URL of a request has neither. The message does not show the credentials.
  if (hasFragment || userInformation !== undefined)
    throw new MockUsageError(
      'ERR_MOCK_USAGE',
      'on: a URL without user information and fragment was expected',
    );
  const wanted = isPath ? target : href;
  const anyQuery = !wanted.includes('?');
  return (request) => {
    const actual = isPath ? targetOf(request.url) : request.url;
    const query = anyQuery ? actual.indexOf('?') : -1;
    return (query === -1 ? actual : actual.slice(0, query)) === wanted;
  };
}

function parsedUrl(text: string): ReturnType<typeof parseAbsoluteUrl> {
  try {
    return parseAbsoluteUrl(text, DEFAULT_PORTS);
  } catch (error) {
    throw new MockUsageError('ERR_MOCK_USAGE', `on: ${(error as Error).message}`, { cause: error });
  }
}

/** Path and query of an absolute URL. */
function targetOf(url: string): string {
  const slash = url.indexOf('/', url.indexOf('://') + 3);
  return slash === -1 ? '/' : url.slice(slash);
}
