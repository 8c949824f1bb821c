// The content of one request: its head, query, form and path, decoded, and its text in log lines. Does not know routes,
// handlers or responses; a request that cannot be decoded throws an HTTPError.

import type { HTTPConnectionInfo, QueryArguments, QueryProtocolError, RequestHead } from '@landspout/http1';
import { fullUrl, isMultipartForm, isOwnOrigin } from '@landspout/http1/protocol';
import { IncomingRequest } from '@landspout/http1/server';
import type { Logger } from '@landspout/ioloop';
import { INSPECT } from '@landspout/ioloop/inspection';
import { bindLogger } from '@landspout/ioloop/reactor';
import type { HTTPError } from '../errors.ts';
import type { UploadedFile } from './files.ts';
import { type MultipartForm, parseMultipart } from './multipart-form.ts';
import { ownOriginsOf, type PublicOrigins, publicOriginOf } from './public-origins.ts';
import { refusalOf } from './url-encoding.ts';

/** Created when the id is set, so that requests without an id need less memory. */
interface RequestIdentity {
  readonly id: string;
  log: Logger | undefined;
}

/**
 * One request as a handler sees it. Properties are computed when they are first used. What TLS has negotiated, and the
 * certificate of the client, are in `connection.tls`.
 */
export class HTTPServerRequest extends IncomingRequest {
  #identity: RequestIdentity | undefined = undefined;
  readonly #startMs = performance.now();
  readonly #publicOrigins: PublicOrigins;
  #form: MultipartForm | undefined = undefined;

  /** @param publicOrigins - the origins of the application. Default: the host of the request. */
  constructor(head: RequestHead, connection: HTTPConnectionInfo, publicOrigins?: PublicOrigins) {
    super(head, connection);
    this.#publicOrigins = publicOrigins;
  }

  /** Identifies the request in log records. Set by the `requestId` middleware; undefined without it. */
  get id(): string | undefined {
    return this.#identity?.id;
  }

  set id(id: string | undefined) {
    this.#identity = id === undefined ? undefined : { id, log: undefined };
  }

  /** Used by the application: the logger for records about this request, which include its id as `requestId`. */
  logOf(logger: Logger): Logger {
    const identity = this.#identity;
    if (identity === undefined) return logger;
    identity.log ??= bindLogger(logger, { requestId: identity.id });
    return identity.log;
  }

  /**
   * The origin for absolute URLs of this application, such as `https://example.com`: the setting `publicOrigin`. If
   * that lists several, the one that the client used, or else the first. Without the setting, the origin has the host
   * of the request, which the client can choose; see the setting `hosts`.
   */
  get publicOrigin(): string {
    return publicOriginOf(this.#publicOrigins, this);
  }

  /**
   * The origins of this site for this request, in the form of `canonicalOrigin`; undefined without the setting
   * `publicOrigin`. Then every origin with the host of the request belongs to this site.
   */
  get ownOrigins(): readonly string[] | undefined {
    return ownOriginsOf(this.#publicOrigins, this);
  }

  /** Whether an `Origin` is one of {@link ownOrigins} or, if that is undefined, has the host of the request. */
  isOwnOrigin(origin: string): boolean {
    return isOwnOrigin(origin, this.ownOrigins, this.host);
  }

  /**
   * The start of the path that was removed from {@link target}, because the application is mounted at it in Express, in
   * Hono or by `mount`: `/live` if the client sent `/live/users` and the target is `/users`. '' if nothing was removed.
   * Links to this application start with it; `reverseUrl` and `staticUrl` include it.
   */
  get mountPath(): string {
    const { mountPath } = this.head;
    // A link that starts with two slashes would lead to another host, which the client could choose.
    return mountPath === undefined ? '' : mountPath.replace(/^[/\\]+/, '/');
  }

  /** Whether the client used https, according to {@link protocol} or the setting `publicOrigin`. */
  get isSecure(): boolean {
    if (this.protocol === 'https') return true;
    return this.#publicOrigins !== undefined && this.publicOrigin.startsWith('https:');
  }

  /** Returns the URL of the request, at the {@link publicOrigin}, with the {@link mountPath}. */
  override fullUrl(): string {
    const { publicOrigin } = this;
    const scheme = publicOrigin.startsWith('https:') ? 'https' : 'http';
    return fullUrl(scheme, publicOrigin.slice(scheme.length + '://'.length) + this.mountPath, this.target);
  }

  override [INSPECT](): object {
    const view = super[INSPECT]();
    const { id } = this;
    if (id !== undefined)
      Object.defineProperty(view, 'id', { value: id, enumerable: true, configurable: true });
    return view;
  }

  /** Milliseconds since the request head was received. */
  requestTime(): number {
    return performance.now() - this.#startMs;
  }

  /** Used by the application: whether the headers may include preconditions, so that looking for them is worthwhile. */
  get mayHavePrecondition(): boolean {
    return this.head.hasPrecondition !== false;
  }

  /**
   * Used by the application, for a delegate that is mounted at a path: the head of the request, whose `target` does not
   * contain that path.
   *
   * @param mountPath - the start of {@link path}; '' for the head as it is.
   */
  headBelow(mountPath: string): RequestHead {
    const { head } = this;
    if (mountPath === '') return head;
    const { method, target, version, headers, hasPrecondition } = head;
    const inner = {
      method,
      target: targetBelow(target, mountPath),
      version,
      headers,
      mountPath: `${head.mountPath ?? ''}${mountPath}`,
      received: head.received ?? head,
    };
    return hasPrecondition === undefined ? inner : { ...inner, hasPrecondition };
  }

  /**
   * The files of a `multipart/form-data` body by the name of their field; empty for any other body.
   *
   * @throws HTTPError 400 if the body is malformed or has too many parts, 413 if a field is too large.
   */
  get files(): ReadonlyMap<string, readonly UploadedFile[]> {
    return this.#multipart().files;
  }

  /** The fields of a form in the body, urlencoded or `multipart/form-data`; empty for any other body. */
  override get bodyArguments(): QueryArguments {
    return isMultipartForm(this.headers.get('Content-Type')) ? this.#multipart().fields : super.bodyArguments;
  }

  #multipart(): MultipartForm {
    this.#form ??= parseMultipart(this.headers, this.body);
    return this.#form;
  }

  protected override refusal(error: QueryProtocolError): HTTPError {
    return refusalOf(error);
  }
}

/** Removes the start of the path from a request target. The authority of an absolute target is kept. */
function targetBelow(target: string, mountPath: string): string {
  const start = target.startsWith('/') ? 0 : target.indexOf('/', target.indexOf('://') + '://'.length);
  const rest = target.slice(start + mountPath.length);
  return `${target.slice(0, start)}${rest.startsWith('/') ? '' : '/'}${rest}`;
}
