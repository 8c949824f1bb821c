import { type OptionNames, optionsProblem, shownValue } from '@landspout/ioloop/errors';
import { HTTPError, WebUsageError } from '../errors.ts';
import { percentEncode, percentEncodePath } from '../request/url-encoding.ts';
import type { RouteUse } from './lifecycle.ts';
import { type RedirectOptions, RequestHandler } from './request-handler.ts';

export interface RedirectHandlerInit {
  /** The URL to redirect to. `{name}` or `{0}` stands for a parameter of the route's pattern. */
  readonly url: string;
  /** Whether the status is 301 instead of 302. Default: true. */
  readonly permanent?: boolean;
}

const REDIRECT_INIT: OptionNames<RedirectHandlerInit> = { url: true, permanent: true };
/** A placeholder for a parameter in a URL. */
const PLACEHOLDER = /\{(\w+)\}/g;

/** The part of a URL before its path, if it names a host. */
const HOST_PART = /^(?:[A-Za-z][A-Za-z0-9+.-]*:)?\/\/[^/?#]*/;

/** Redirects to another URL. The query of the request is kept. */
export class RedirectHandler extends RequestHandler {
  static override routeProblem(use: RouteUse): string | undefined {
    const { init, handlerClass } = use;
    // A subclass with its own `initialize` may set the URL in another way.
    if (handlerClass.prototype.initialize !== RedirectHandler.prototype.initialize) return undefined;
    const { url } = init as Partial<RedirectHandlerInit>;
    const unknown = optionsProblem(init, REDIRECT_INIT);
    if (unknown !== undefined) return unknown;
    if (typeof url !== 'string' || url === '')
      return `url must be the URL to redirect to, got ${shownValue(url)}`;
    for (const [, key = ''] of url.matchAll(PLACEHOLDER)) {
      const isThere = /^\d+$/.test(key) ? Number(key) < use.paramCount : use.paramNames.includes(key);
      if (!isThere) return `url contains {${key}}, but the pattern has no such parameter`;
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
      // In the host part, slashes are escaped too: an unescaped one would let the client choose the host.
      return at < pathStart ? percentEncode(value) : percentEncodePath(value);
    });
    // A browser reads `//name` as a URL with the host `name`. Only the template may choose the host.
    if (pathStart === 0) url = url.replace(/^\/{2,}/, '/');
    this.redirect(withQuery(url, this.request.query), { permanent: this.#permanent });
  }

  /**
   * Returns a decoded parameter. It must be escaped again, so that input from the client cannot change the rest of the
   * URL.
   */
  #valueOf(key: string): string {
    const value = /^\d+$/.test(key) ? this.pathArgs[Number(key)] : this.pathParams[key];
    if (value !== undefined) return value;
    throw new WebUsageError('ERR_WEB_USAGE', `RedirectHandler: the route has no parameter ${key}`);
  }
}

/** Redirects from the path at which an application is mounted to its root. */
export class MountRedirectHandler extends RedirectHandler {
  override redirect(url: string, options?: RedirectOptions): void {
    super.redirect(this.request.mountPath + url, options);
  }
}

export interface ErrorHandlerInit {
  /** 400 to 599. */
  readonly status: number;
}

const ERROR_INIT: OptionNames<ErrorHandlerInit> = { status: true };

/**
 * Refuses every request with one status, whatever the method. It does not wait for the body, so it never buffers one.
 */
export class ErrorHandler extends RequestHandler {
  static override readonly streamRequestBody = true;
  static override routeProblem({ handlerClass, init }: RouteUse): string | undefined {
    if (handlerClass.prototype.initialize !== ErrorHandler.prototype.initialize) return undefined;
    const unknown = optionsProblem(init, ERROR_INIT);
    if (unknown !== undefined) return unknown;
    const { status = 0 } = init as Partial<ErrorHandlerInit>;
    if (Number.isInteger(status) && status >= 400 && status <= 599) return undefined;
    return `status must be an integer from 400 to 599, got ${shownValue((init as Partial<ErrorHandlerInit>).status)}`;
  }

  #status = 404;

  override initialize(init: ErrorHandlerInit): void {
    this.#status = init.status;
  }

  /** The handler changes nothing, so no check is needed: the response to a POST to a wrong URL is a 404, not a 403. */
  override checkXsrfCookie(): void {}

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
