import type { AsyncResource } from 'node:async_hooks';
import type { ResponseHead } from '@landspout/http1';
import { isThenable } from '@landspout/ioloop/reactor';
import type { ProtectionSpaces } from '../auth/protection-spaces.ts';
import type { HTTPRedirect, HTTPRequest } from '../request/http-request.ts';
import { isRepeatable } from '../request/request-body.ts';
import { HTTPClientUsageError } from '../request/usage.ts';
import type { FetchSettings } from './fetch-settings.ts';
import type { Hop, HopBuilder } from './hop.ts';
import { type CookieJar, HopCredentials, isDigestProxy } from './hop-credentials.ts';

const NO_REDIRECTS: readonly HTTPRedirect[] = Object.freeze([]);
const EXPECTATION_FAILED = 417;

/** What the hops of all fetches of a client share. */
export interface HopServices {
  readonly hops: HopBuilder;
  readonly cookieJar: CookieJar | undefined;
  /** What digest authentication remembers. */
  readonly spaces: ProtectionSpaces;
}

/**
 * The hops of one fetch, one after another: the first, those to which redirects lead, and those that are sent again
 * because a server asked for credentials or refused to be asked with Expect.
 */
export class HopSequence {
  readonly request: HTTPRequest;
  readonly #services: HopServices;
  #settings: FetchSettings;
  #current: Hop;
  #redirects: readonly HTTPRedirect[] = NO_REDIRECTS;
  /** Created only if a hop needs cookies or digests. */
  #credentials: HopCredentials | undefined = undefined;

  constructor(request: HTTPRequest, settings: FetchSettings, first: Hop, services: HopServices) {
    this.request = request;
    this.#settings = settings;
    this.#current = first;
    this.#services = services;
  }

  get current(): Hop {
    return this.#current;
  }

  get settings(): FetchSettings {
    return this.#settings;
  }

  /** The redirects that were followed, in order. */
  get redirects(): readonly HTTPRedirect[] {
    return this.#redirects;
  }

  /** Makes `hop` the current one. */
  goTo(hop: Hop): void {
    this.#current = hop;
  }

  /**
   * Gets the cookies and digests of the current hop.
   *
   * @returns undefined if it needs none; otherwise a promise that rejects with what the cookie jar throws.
   */
  prepare(): Promise<void> | undefined {
    const { cookieJar, spaces } = this.#services;
    const { digestAuth } = this.request.options;
    if (cookieJar !== undefined || digestAuth !== undefined || isDigestProxy(this.#current))
      this.#credentials ??= new HopCredentials(cookieJar, digestAuth, spaces);
    return this.#credentials === undefined ? undefined : this.#addExtras(this.#credentials);
  }

  async #addExtras(credentials: HopCredentials): Promise<void> {
    const extras = await credentials.extrasFor(this.#current);
    const { hops } = this.#services;
    this.#current = hops.withExtras(this.request, this.#settings, this.#current, extras);
  }

  /** Stores the cookies of a response. @returns undefined if there are none. */
  storeCookies(head: ResponseHead): Promise<void> | undefined {
    return this.#credentials?.store(head, this.#current.href);
  }

  /**
   * Decides what follows the response to the current hop. Must be called once for each response.
   *
   * @param context - the async context in which `onRedirect` is called.
   * @returns the next hop; undefined if the response is the result; or a text that says why a redirect cannot be
   *   followed.
   * @throws what `onRedirect` throws.
   */
  after(head: ResponseHead, context: AsyncResource | undefined): Hop | string | undefined {
    const { status } = head;
    if (status >= 400) return this.#repeated(head);
    if (status >= 300) return this.#redirected(head, context);
    this.#credentials?.isChallenged(head);
    return undefined;
  }

  #repeated(head: ResponseHead): Hop | undefined {
    const hop = this.#current;
    if (!isRepeatable(hop.body)) return undefined;
    if (head.status === EXPECTATION_FAILED && this.#settings.expectContinue) {
      // RFC 9110 §10.1.1: the request is repeated without Expect.
      this.#settings = { ...this.#settings, expectContinue: false };
      return this.#services.hops.again(this.request, this.#settings, hop);
    }
    return this.#credentials?.isChallenged(head) === true ? hop : undefined;
  }

  #redirected(head: ResponseHead, context: AsyncResource | undefined): Hop | string | undefined {
    const { maxRedirects } = this.#settings;
    const hop = this.#services.hops.redirected(this.request, this.#settings, this.#current, head);
    if (hop === undefined || typeof hop === 'string') return hop;
    if (this.#redirects.length >= maxRedirects) return `more than ${maxRedirects} redirects`;
    const redirect = { status: head.status, url: this.#current.href, location: hop.href };
    const { onRedirect } = this.request.options;
    const verdict: unknown =
      onRedirect === undefined ? true : context?.runInAsyncScope(onRedirect, undefined, redirect);
    if (isThenable(verdict)) throw asyncCallback(verdict);
    if (verdict === false) return undefined;
    this.#redirects = [...this.#redirects, redirect];
    this.#credentials?.forgetDigests();
    return hop;
  }
}

/** The redirect would be followed before its check is complete. @param promise - its rejection is of no interest. */
function asyncCallback(promise: PromiseLike<unknown>): HTTPClientUsageError {
  promise.then(nothing, nothing);
  return new HTTPClientUsageError(
    'ERR_HTTPCLIENT_USAGE',
    'fetch: onRedirect must not be async or return a promise',
  );
}

function nothing(): void {}
