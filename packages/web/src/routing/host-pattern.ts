import { shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { WebUsageError } from '../errors.ts';

/** A name, `*.` and a name, or an IPv6 address in brackets. */
const HOST = /^(?:\*\.)?[\w.-]+$|^\[[\da-f:.]+\]$/i;

/** Whether a text is a host name that {@link hostExpression} accepts: without scheme and port. */
export function isHostText(text: unknown): text is string {
  return typeof text === 'string' && HOST.test(text);
}

/**
 * Makes a regular expression for host names. `*.` stands for exactly one label.
 *
 * @param texts - see {@link isHostText}.
 */
export function hostExpression(texts: readonly string[]): RegExp {
  const sources = texts.map((text) => text.replace(/[.[\]]/g, '\\$&').replace(/^\*/, '[^.]+'));
  return new RegExp(`^(?:${sources.join('|')})$`, 'i');
}

/** The hosts that a group of routes is for. See {@link host}. */
export class HostPattern {
  /** The pattern as it was passed, for messages. */
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
 * Makes the first element of an entry whose routes are only for some hosts. The host of a request is taken from the
 * `Host` header (or an absolute request target), without its port.
 *
 * @param pattern - a name, compared without regard to case, in which a leading `*.` stands for exactly one label; or a
 *   regular expression for the whole name.
 * @throws WebUsageError `ERR_WEB_ROUTE` if the pattern is not a host name.
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
