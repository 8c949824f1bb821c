import type { Context } from 'hono';
import type { WSContext as Connection, UpgradeWebSocket } from 'hono/ws';
import type { ServerWebSocket } from '../fetch/server-websocket.ts';
import { WebSocketUpgradeError } from '../fetch/upgrade-error.ts';
import type { UpgradeWebSocketOptions } from '../fetch/upgrade-options.ts';
import { upgradeWebSocket as upgrade } from '../fetch/upgrade-websocket.ts';
import { parseSubprotocols } from '../protocol/index.ts';
import { missingHono } from './missing-hono.ts';

const { defineWebSocketHelper, WSContext } = await import('hono/ws').catch((cause: unknown) => {
  throw missingHono(cause);
});

/**
 * Serves WebSocket on a route of Hono. The callbacks are those of Hono's adapters; `ws.raw` is the
 * {@link ServerWebSocket}, which has back-pressure. A promise that `onMessage` returns counts for `maxPendingMessages`.
 * If a callback throws or rejects, the error is logged and the connection is closed with 1011.
 *
 * As with Hono's other adapters, a request without `Upgrade: websocket` is passed on to the next handler, and by default
 * the first subprotocol that the client offers is chosen; pass `subprotocols` or `protocol` to choose another. Unlike
 * there, pages of other origins are refused with 403 unless they are listed in `allowedOrigins`: see `upgradeWebSocket` of
 * `@landspout/websocket/fetch`, whose options are the second argument. A refused request gets the response of the
 * WebSocketUpgradeError; `onError` of the application is not called. The option `compress` of `ws.send` has no effect.
 *
 * @example
 * const app = new Hono().get(
 *   '/echo',
 *   upgradeWebSocket(() => ({ onMessage: (event, ws) => ws.send(String(event.data)) })),
 * );
 * serve({ fetch: app.fetch, port: 8888 });
 */
export const upgradeWebSocket: UpgradeWebSocket<ServerWebSocket, UpgradeWebSocketOptions> =
  defineWebSocketHelper<ServerWebSocket, UpgradeWebSocketOptions>((c, events, options) => {
    if (!/\bwebsocket\b/i.test(c.req.header('Upgrade') ?? '')) return undefined;
    let upgraded: ReturnType<typeof upgrade>;
    try {
      upgraded = upgrade(c.req.raw, withSubprotocol(c, options));
    } catch (error) {
      if (error instanceof WebSocketUpgradeError) return error.getResponse();
      throw error;
    }
    const { socket, response } = upgraded;
    const ws = contextOf(socket);
    socket.onopen = (event) => events.onOpen?.(event, ws);
    socket.onmessage = (event) => events.onMessage?.(event, ws);
    socket.onclose = (event) => events.onClose?.(event, ws);
    socket.onerror = (event) => events.onError?.(event, ws);
    return response;
  });

function withSubprotocol(c: Context, options: UpgradeWebSocketOptions = {}): UpgradeWebSocketOptions {
  if (options.protocol !== undefined || options.subprotocols !== undefined) return options;
  const [first] = parseSubprotocols(c.req.header('Sec-WebSocket-Protocol')) ?? [];
  return first === undefined ? options : { ...options, protocol: first };
}

function contextOf(socket: ServerWebSocket): Connection<ServerWebSocket> {
  return new WSContext<ServerWebSocket>({
    send: (data) => socket.send(data),
    close: (code, reason) => socket.close(code, reason),
    raw: socket,
    get readyState() {
      return socket.readyState;
    },
    url: socket.url,
    protocol: socket.protocol,
  });
}
