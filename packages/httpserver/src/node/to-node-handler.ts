import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  HTTPHeaders,
  HTTPInputError,
  type HTTPServerConnectionDelegate,
  HTTPUsageError,
} from '@landspout/http1';
import { IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { callReporting } from '@landspout/ioloop/reactor';
import { CALL_OPTIONS, type CallOptions, CallSettings } from '../calling/call-settings.ts';
import { DelegateCall } from '../calling/delegate-call.ts';
import { callingChecks } from '../calling/errors.ts';
import { requireMountPath, targetBelow } from '../calling/mount-path.ts';
import { NODE_MESSAGES } from '../calling/node-messages.ts';
import {
  addFields,
  announcedLength,
  checkFields,
  checkHead,
  OuterRequestHead,
} from '../calling/outer-head.ts';
import { leaveUpgrade, MountedDelegate } from './outer-mount.ts';
import { OuterNodeBody } from './outer-node-body.ts';
import { OuterNodeConnection } from './outer-node-connection.ts';
import { OuterNodeResponse } from './outer-node-response.ts';
import { OuterUpgrades } from './outer-upgrades.ts';

export interface ToNodeHandlerOptions extends CallOptions {
  /**
   * Whether a response of the delegate with status 404 is dropped, and the next handler is called instead, if there is
   * one. Not if the delegate has read a part of the request body, because no other handler could read that part.
   * Default: false, so the delegate responds.
   */
  readonly fallthrough?: boolean;
  /**
   * The path at which the delegate is mounted, such as `/live` for `app.use('/live', handler)`. It is removed from the
   * target, and is the `mountPath` of the head, as Express and Connect do it for requests, but not for upgrades. A
   * request from which a handler in front has removed a path stays as it is. One that is not below the path is passed to
   * the next handler, or gets a 404 if there is none. An upgrade that is not below it is left to the other listeners of
   * `upgrade`, or gets a 404 if the server has none, or if all of them are handlers that leave it. Default: none.
   */
  readonly mountPath?: string;
}

const OPTIONS: OptionNames<ToNodeHandlerOptions> = { ...CALL_OPTIONS, fallthrough: true, mountPath: true };

const NOT_MOUNTED = 'nothing is mounted at this path';

type Next = (error?: unknown) => void;

/** A delegate as a handler of node:http. Its methods need no `this`. */
export interface NodeRequestListener {
  /** For the event `request` of `http.Server`, and as middleware of Express and Connect. */
  (request: IncomingMessage, response: ServerResponse, next?: Next): void;
  /**
   * For the event `upgrade` of `http.Server`: takes the connection over for one request. The delegate may `detach` it,
   * as the handlers of WebSockets do; otherwise the connection is closed after the response. Several handlers may share
   * a server if each has a `mountPath`.
   */
  upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void;
}

/** What Express and Connect add to a request. */
interface MountedRequest {
  readonly baseUrl?: unknown;
  readonly originalUrl?: unknown;
}

/**
 * Returns a handler of node:http that passes requests to a delegate, such as an Application: for `http.Server`,
 * `https.Server`, Express and Connect. Below a path of Express or Connect, the delegate gets the rest of the target, and
 * the path is the `mountPath` of the head.
 *
 * The response is written with the methods of `response`, so middleware that replaces them works, and headers that
 * middleware has set are kept unless the delegate sets the same ones; values of Set-Cookie and Vary are added. Keep-alive,
 * timeouts of heads and `Expect: 100-continue` are those of the server in front. What is left of a body when the
 * response is complete is discarded within `maxBodyBytes`; above it, the connection is closed. In an Application,
 * `nodeRequestOf` of `@landspout/web/node` returns `request`, with what handlers in front have added.
 *
 * @param options.signal - abort it when the server begins to stop. Connections taken over by `upgrade` are then stopped
 *   like those of an HTTPServer: WebSockets are closed with 1012.
 * @throws HTTPUsageError, StreamUsageError, Http1UsageError if an option is invalid.
 *
 * @example
 * const handler = toNodeHandler(application, { mountPath: '/live' });
 * expressApp.use('/live', handler);
 * createServer(expressApp).on('upgrade', handler.upgrade).listen(8888);
 */
export function toNodeHandler(
  delegate: HTTPServerConnectionDelegate,
  options: ToNodeHandlerOptions = {},
): NodeRequestListener {
  callingChecks.options('toNodeHandler', options, OPTIONS);
  const { fallthrough = false, mountPath, ...ofCall } = options;
  callingChecks.boolean('toNodeHandler', 'fallthrough', fallthrough);
  requireMountPath('toNodeHandler', mountPath);
  const settings = new CallSettings('toNodeHandler', delegate, ofCall);
  const calls = new NodeCalls(settings, fallthrough, mountPath);
  let upgrades: OuterUpgrades | undefined;
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Uint8Array): void => {
    const isOutside = mountPath !== undefined && targetBelow(request.url ?? '/', mountPath) === undefined;
    if (isOutside && leaveUpgrade(socket)) return;
    upgrades ??= upgradesOf(
      mountPath === undefined ? delegate : new MountedDelegate(delegate, mountPath),
      ofCall,
    );
    if (isOutside) upgrades.refuse(socket, new HTTPInputError(NOT_MOUNTED, 404));
    else upgrades.serve(request, socket, head);
  };
  return Object.assign(
    (request: IncomingMessage, response: ServerResponse, next?: Next): void =>
      calls.handle(request, response, next),
    { upgrade },
  );
}

function upgradesOf(delegate: HTTPServerConnectionDelegate, options: CallOptions): OuterUpgrades {
  const { signal, logger, clock, ...ofServer } = options;
  const own = { ...(logger && { logger }), ...(clock && { clock }) };
  const loop = logger === undefined && clock === undefined ? IOLoop.current() : new IOLoop(own);
  return new OuterUpgrades(delegate, { ...ofServer, loop }, signal);
}

/** The requests of one handler. */
class NodeCalls {
  readonly #settings: CallSettings;
  readonly #fallthrough: boolean;
  readonly #mountPath: string | undefined;
  readonly #connections = new WeakMap<object, OuterNodeConnection>();

  constructor(settings: CallSettings, fallthrough: boolean, mountPath: string | undefined) {
    this.#settings = settings;
    this.#fallthrough = fallthrough;
    this.#mountPath = mountPath;
  }

  handle(request: IncomingMessage, response: ServerResponse, next: Next | undefined): void {
    if (response.headersSent || response.writableEnded) {
      this.#refuseTaken(next);
      return;
    }
    const head = headOf(request, this.#mountPath);
    const isOutside = this.#mountPath !== undefined && head.mountPath === undefined;
    if (isOutside && next !== undefined) {
      next();
      return;
    }
    let problem: unknown;
    let announcedBytes = 0;
    try {
      checkFields(request.rawHeaders, head.target, this.#settings);
      addFields(head.headers, request.rawHeaders);
      checkHead(head);
      if (isOutside) throw new HTTPInputError(NOT_MOUNTED, 404);
      announcedBytes = head.headers.has('Transfer-Encoding')
        ? -1
        : Math.max(0, announcedLength(head.headers));
    } catch (error) {
      problem = error;
    }
    const body = new OuterNodeBody(request, announcedBytes);
    const passOn = this.#fallthrough && next !== undefined ? passesOn(body, next) : undefined;
    const sink = new OuterNodeResponse(response, passOn);
    const call = new DelegateCall(this.#settings, sink, body, head, this.#connectionOf(request));
    call.exchange[NODE_MESSAGES] = { request, response };
    body.call = call;
    sink.call = call;
    const closed = (error?: unknown): void => void call.closed(error ?? response.errored ?? undefined);
    response.on('close', closed);
    response.on('error', closed);
    if (problem !== undefined) call.refuseHead(problem);
    else if (response.destroyed) call.closed();
    else call.begin();
  }

  #connectionOf({ socket }: IncomingMessage): OuterNodeConnection {
    let connection = this.#connections.get(socket);
    if (connection !== undefined) return connection;
    connection = new OuterNodeConnection(socket, this.#settings.protocol);
    this.#connections.set(socket, connection);
    const { delegate, logger } = this.#settings;
    const ended = connection;
    const report = (error: unknown) => logger.error({ error }, "the delegate's onClose callback threw");
    if (delegate.onClose !== undefined)
      socket.once('close', () => callReporting(() => delegate.onClose?.(ended), undefined, report));
    return connection;
  }

  #refuseTaken(next: Next | undefined): void {
    const error = new HTTPUsageError(
      'toNodeHandler: another handler has already responded to this request; call this one before it, or not at all',
    );
    if (next === undefined) this.#settings.logger.error({ error }, 'handling a request failed');
    else next(error);
  }
}

function passesOn(body: OuterNodeBody, next: Next): (status: number) => boolean {
  return (status) => {
    if (status !== 404 || !body.leave()) return false;
    next();
    return true;
  };
}

function headOf(request: IncomingMessage, mountPath: string | undefined): OuterRequestHead {
  const { method = 'GET', url = '/', httpVersion } = request;
  const version = httpVersion === '1.0' ? 'HTTP/1.0' : 'HTTP/1.1';
  let target = url;
  let removed = mountPathOf(request as MountedRequest, url);
  if (removed === undefined && mountPath !== undefined) {
    const below = targetBelow(url, mountPath);
    if (below !== undefined) {
      target = below;
      removed = mountPath;
    }
  }
  return new OuterRequestHead(method, target, version, new HTTPHeaders(), removed);
}

/** Returns the path that Express, or Connect, has removed from the target. */
function mountPathOf({ baseUrl, originalUrl }: MountedRequest, url: string): string | undefined {
  if (typeof baseUrl === 'string') return baseUrl === '' ? undefined : baseUrl;
  if (typeof originalUrl !== 'string' || originalUrl.length <= url.length - 1) return undefined;
  // Connect adds a slash if the rest of the path is empty.
  const rest = originalUrl.endsWith(url) ? url : url.slice(1);
  const path = originalUrl.slice(0, originalUrl.length - rest.length);
  return originalUrl.endsWith(rest) && path !== '' ? path : undefined;
}
