// Upgrades a request of a Fetch handler to WebSocket.

import { HTTPHeaders, type HTTPServerExchange, type RequestHead } from '@landspout/http1';
import { isOwnOrigin, requestHost } from '@landspout/http1/protocol';
import { exchangeOf } from '@landspout/httpserver/fetch';
import { shownText, shownValue } from '@landspout/ioloop/errors';
import { reportRejection } from '@landspout/ioloop/reactor';
import { AllowedOrigins } from '../handler/allowed-origins.ts';
import { type AcceptedUpgrade, retryAfterSeconds, switchProtocols } from '../handler/server-handshake.ts';
import {
  checkUpgradeRequest,
  originRefusal,
  type UpgradeOffer,
  WebSocketUsageError,
} from '../protocol/index.ts';
import { ServerWebSocket } from './server-websocket.ts';
import { WebSocketUpgradeError } from './upgrade-error.ts';
import {
  resolveUpgradeOptions,
  type UpgradeSettings,
  type UpgradeWebSocketOptions,
} from './upgrade-options.ts';

/** The result of {@link upgradeWebSocket}. */
export interface UpgradedWebSocket {
  readonly socket: ServerWebSocket;
  /** The Fetch handler returns it. It is not sent, since the 101 was sent already. */
  readonly response: Response;
}

/**
 * Upgrades a request to WebSocket, in a Fetch handler that a FetchContainer calls: under `serve`, in an HTTPServer, or
 * mounted in an Application. Works like `Deno.upgradeWebSocket`, but the 101 is sent at once. The returned `response` is
 * therefore not sent; it has status 200, and a middleware may copy and change it. Pass
 * `headers` to send headers with the 101. If the handler fails later, the error is logged, and the socket stays open.
 *
 * Browsers let pages of any site open a WebSocket, with the cookies of the visitor, and do not apply the same-origin
 * policy to it. So that no other site can act in the name of a visitor, a request with an Origin header is refused unless
 * its origin is that of this site or is listed in `allowedOrigins`. The origins of this site are the setting
 * `publicOrigin` of the Application in which the handler is mounted; without it, all with the host of the request.
 * Programs other than browsers send no Origin.
 *
 * If the server stops, the connection is closed with 1012, or with 1001 if the service ends for good, and the server
 * waits for that.
 *
 * @param request - the Request that the handler was called with, such as `c.req.raw` in Hono; not a copy of it.
 * @returns the socket, to which listeners should be added before anything is awaited; see {@link ServerWebSocket}.
 * @throws WebSocketUpgradeError `ERR_WEBSOCKET_BAD_REQUEST`, `ERR_WEBSOCKET_ORIGIN_REFUSED` or
 *   `ERR_WEBSOCKET_STOPPING` if the request is refused: respond with its `getResponse()`. WebSocketUsageError
 *   `ERR_WEBSOCKET_BAD_OPTION`, or `ERR_WEBSOCKET_NOT_UPGRADABLE` for another Request. Nothing was sent in either case.
 *
 * @example
 * const server = serve({
 *   port: 8888,
 *   fetch(request) {
 *     const { socket, response } = upgradeWebSocket(request);
 *     socket.onmessage = ({ data }) => socket.send(data);
 *     return response;
 *   },
 * });
 */
export function upgradeWebSocket(request: Request, options: UpgradeWebSocketOptions = {}): UpgradedWebSocket {
  const settings = resolveUpgradeOptions(options);
  const { exchange, head } = upgradableExchange(request);
  const offer = checkUpgrade(head);
  requireAllowed(request, exchange, head, settings);
  const protocol = chooseSubprotocol(offer.protocols, settings);
  const headers = HTTPHeaders.from(settings.own.headers ?? {});
  if (exchange.isCut) throw badRequest(400, 'the connection ended before the upgrade');
  if (exchange.stopping.aborted) {
    const retryAfter = String(retryAfterSeconds(settings.connection.randomBytes));
    const response = { status: 503, headers: { 'Retry-After': retryAfter } };
    throw new WebSocketUpgradeError('ERR_WEBSOCKET_STOPPING', 'the server is stopping', response);
  }
  const upgrade: AcceptedUpgrade = {
    head,
    offer,
    protocol,
    settings: settings.connection,
    takeHeaders: () => headers,
    detach: (onStopping) => exchange.detach(onStopping),
  };
  const socket = new ServerWebSocket({
    open: (delegate) => switchProtocols(upgrade, delegate),
    url: request.url.replace(/^http/, 'ws'),
    protocol: protocol ?? '',
    maxQueuedBytes: settings.connection.maxQueuedBytes,
    maxPendingMessages: settings.maxPendingMessages,
    logger: settings.logger,
  });
  return { socket, response: new Response(null) };
}

function upgradableExchange(request: Request): { exchange: HTTPServerExchange; head: RequestHead } {
  const found = exchangeOf(request);
  if (found === undefined) {
    const problem = `upgradeWebSocket: expected a Request that a FetchContainer made, got ${shownValue(request)}`;
    throw new WebSocketUsageError('ERR_WEBSOCKET_NOT_UPGRADABLE', problem);
  }
  if (found.exchange.headSent) {
    const problem = 'upgradeWebSocket: the request was upgraded before, or its response was started';
    throw new WebSocketUsageError('ERR_WEBSOCKET_NOT_UPGRADABLE', problem);
  }
  return found;
}

function checkUpgrade({ method, version, headers }: RequestHead): UpgradeOffer {
  const offer = checkUpgradeRequest({ method, version, header: (name) => headers.get(name) });
  if (!offer.ok) throw badRequest(offer.status, offer.reason, offer.headers);
  // The bytes after the head would be read as frames.
  if (headers.has('transfer-encoding') || (headers.get('content-length') ?? '0') !== '0')
    throw badRequest(400, 'an upgrade must not have a body');
  return offer;
}

function requireAllowed(
  request: Request,
  exchange: HTTPServerExchange,
  { method, target, headers }: RequestHead,
  { own: { checkOrigin, allowedOrigins }, logger }: UpgradeSettings,
): void {
  const origin = headers.get('origin');
  if (origin === undefined) return;
  if (checkOrigin !== undefined) {
    const answer: unknown = checkOrigin(origin, request);
    reportRejection(answer, (error) => logger.error({ error }, 'checkOrigin rejected'));
    if (answer !== true) throw originRefused(originRefusal(origin, answer, undefined));
    return;
  }
  const { connection, publicOrigins } = exchange;
  const host = connection.forwardedHost ?? requestHost(method, target, headers.get('host'));
  if (isOwnOrigin(origin, publicOrigins, host)) return;
  if (allowedOrigins !== undefined && AllowedOrigins.of(allowedOrigins).allows(origin)) return;
  if (publicOrigins !== undefined) throw originRefused(originRefusal(origin, false, publicOrigins));
  const refused = `the origin ${shownText(origin)} may not open a WebSocket here`;
  throw originRefused(
    `${refused}: it does not match the host of the request, ${shownText(host)}; add it to allowedOrigins`,
  );
}

function chooseSubprotocol(offered: readonly string[], { own }: UpgradeSettings): string | undefined {
  const { protocol, subprotocols } = own;
  if (protocol !== undefined && !offered.includes(protocol))
    throw badRequest(400, `the client must offer the subprotocol ${shownText(protocol)}`);
  return protocol ?? subprotocols?.find((name) => offered.includes(name));
}

function badRequest(
  status: number,
  reason: string,
  headers: Readonly<Record<string, string>> = {},
): WebSocketUpgradeError {
  return new WebSocketUpgradeError('ERR_WEBSOCKET_BAD_REQUEST', reason, { status, headers });
}

function originRefused(reason: string): WebSocketUpgradeError {
  return new WebSocketUpgradeError('ERR_WEBSOCKET_ORIGIN_REFUSED', reason, { status: 403 });
}
