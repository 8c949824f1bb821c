import { shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { WebUsageError } from '../errors.ts';

/** A name, `*.` and a name, or an IPv6 address in brackets. */
const HOST = /^(?:\*\.)?[\w.-]+$|^\[[\da-f:.]+\]$/i;

/** Whether a text is a host name as {@link hostExpression} takes it: without a scheme and a port. */
export function isHostText(text: unknown): text is string {
  return typeof text === 'string' && HOST.test(text);
}

/** Makes an expression for host names. `*.` stands for exactly one label. @param texts - see {@link isHostText}. */
export function hostExpression(texts: readonly string[]): RegExp {
  const sources = texts.map((text) => text.replace(/[.[\]]/g, '\\$&').replace(/^\*/, '[^.]+'));
  return new RegExp(`^(?:${sources.join('|')})$`, 'i');
}

/** The hosts that a group of routes is for. See {@link host}. */
export class HostPattern {
  /** As it was given, for messages. */
  readonly text: string;
  readonly #expression: RegExp;

  /** @throws WebUsageError `ERR_WEB_ROUTE` if a text is not a host name. */
  constructor(pattern: string | RegExp) {
    if (pattern instanceof RegExp) {
      this.text = String(pattern);
      this.#expression = new RegExp(`^(?:${pattern.source})$`, 'i');
      return;
    }
    if (!isHostText(pattern)) {
      const expected = 'a name such as example.com or *.example.com, or a regular expression';
      throw new WebUsageError('ERR_WEB_ROUTE', `a host must be ${expected}, got ${shownValue(pattern)}`);
    }
    this.text = pattern;
    this.#expression = hostExpression([pattern]);
  }

  /** @param hostName - without a port. */
  matches(hostName: string): boolean {
    return this.#expression.test(hostName);
  }

  [INSPECT](): object {
    return inspection(this, ['text'], () => ({}));
  }
}

/**
 * Makes the first element of routes that are only for some hosts. The host is the one of the `Host` header (or of the
 * absolute request target), without its port.
 *
 * @param pattern - a name, compared without regard to case; `*.` stands for exactly one label. Or a regular expression
 *   for the whole name.
 * @throws WebUsageError `ERR_WEB_ROUTE` if it is not a host name.
 *
 * @example
 * new Application([
 *   [host('api.example.com'), [['/users', ApiUsers]]],
 *   ['/users', UsersPage],
 * ]);
 */
export function host(pattern: string | RegExp): HostPattern {
  return new HostPattern(pattern);
}
