import { type OptionNames, optionsProblem, shownValue } from '@landspout/ioloop/errors';
import { HTTPError, WebUsageError } from '../errors.ts';
import { percentEncode, percentEncodePath } from '../request/url-encoding.ts';
import type { RouteUse } from './lifecycle.ts';
import { RequestHandler } from './request-handler.ts';

export interface RedirectHandlerInit {
  /** Where to, with `{name}` or `{0}` in place of what the route's pattern took. */
  readonly url: string;
  /** 301 instead of 302. Default true. */
  readonly permanent?: boolean;
}

const REDIRECT_INIT: OptionNames<RedirectHandlerInit> = { url: true, permanent: true };
/** What stands for a parameter in a URL. */
const PLACEHOLDER = /\{(\w+)\}/g;

/** What of a URL stands before its path, if it names a host. */
const HOST_PART = /^(?:[A-Za-z][A-Za-z0-9+.-]*:)?\/\/[^/?#]*/;

/** Redirects to another URL. The query is taken along. */
export class RedirectHandler extends RequestHandler {
  static override routeProblem(use: RouteUse): string | undefined {
    const { init, handlerClass } = use;
    // A subclass with an `initialize` of its own may have its URL from elsewhere.
    if (handlerClass.prototype.initialize !== RedirectHandler.prototype.initialize) return undefined;
    const { url } = init as Partial<RedirectHandlerInit>;
    const unknown = optionsProblem(init, REDIRECT_INIT);
    if (unknown !== undefined) return unknown;
    if (typeof url !== 'string' || url === '')
      return `where to redirect was expected as url, not ${shownValue(url)}`;
    for (const [, key = ''] of url.matchAll(PLACEHOLDER)) {
      const isThere = /^\d+$/.test(key) ? Number(key) < use.paramCount : use.paramNames.includes(key);
      if (!isThere) return `the url has {${key}}, and the pattern no such parameter`;
    }
    return undefined;
  }

  #url = '';
  #permanent = true;

  override initialize(init: RedirectHandlerInit): void {
    this.#url = init.url;
    this.#permanent = init.permanent ?? true;
  }

  override get(): void {
    const template = this.#url;
    const pathStart = HOST_PART.exec(template)?.[0].length ?? 0;
    let url = template.replace(PLACEHOLDER, (_, key: string, at: number) => {
      const value = this.#valueOf(key);
      // In a host a slash would end it, and the peer would choose the host.
      return at < pathStart ? percentEncode(value) : percentEncodePath(value);
    });
    // `//name` is a URL of the host `name` to a browser. Only the template chooses the host.
    if (pathStart === 0) url = url.replace(/^\/{2,}/, '/');
    this.redirect(withQuery(url, this.request.query), { permanent: this.#permanent });
  }

  /** Decoded: it is escaped again, so that what the peer sent stays a part of the path. */
  #valueOf(key: string): string {
    const value = /^\d+$/.test(key) ? this.pathArgs[Number(key)] : this.pathParams[key];
    if (value !== undefined) return value;
    throw new WebUsageError('ERR_WEB_USAGE', `RedirectHandler: the route has no parameter ${key}`);
  }
}

export interface ErrorHandlerInit {
  /** 400 to 599. */
  readonly status: number;
}

const ERROR_INIT: OptionNames<ErrorHandlerInit> = { status: true };

/** Refuses every request with one status, whatever its method. It does not wait for a body: no peer can make it hold one. */
export class ErrorHandler extends RequestHandler {
  static override readonly streamRequestBody = true;
  static override routeProblem({ handlerClass, init }: RouteUse): string | undefined {
    if (handlerClass.prototype.initialize !== ErrorHandler.prototype.initialize) return undefined;
    const unknown = optionsProblem(init, ERROR_INIT);
    if (unknown !== undefined) return unknown;
    const { status = 0 } = init as Partial<ErrorHandlerInit>;
    if (Number.isInteger(status) && status >= 400 && status <= 599) return undefined;
    return `a status of 400 to 599 was expected, not ${shownValue((init as Partial<ErrorHandlerInit>).status)}`;
  }

  #status = 404;

  override initialize(init: ErrorHandlerInit): void {
    this.#status = init.status;
  }

  override prepare(): void {
    throw new HTTPError(this.#status);
  }
}

function withQuery(url: string, query: string): string {
  if (query === '') return url;
  const hash = url.indexOf('#');
  const base = hash === -1 ? url : url.slice(0, hash);
  return `${base}${base.includes('?') ? '&' : '?'}${query}${hash === -1 ? '' : url.slice(hash)}`;
}
