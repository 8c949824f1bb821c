import type { HTTPHeadersInit } from '@landspout/http1';
import { IOLoop, type Logger } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { acceptLogger } from '@landspout/ioloop/reactor';
import {
  sharedSettings,
  WEBSOCKET_OPTIONS,
  type WebSocketOptions,
  type WebSocketSettings,
} from '../connection/websocket-options.ts';
import { allowedOriginsProblem } from '../handler/allowed-origins.ts';
import { subprotocolsProblem } from '../handler/handler-check.ts';
import { withPings } from '../handler/server-handshake.ts';
import { WebSocketUsageError } from '../protocol/index.ts';
import { webSocketChecks } from '../protocol/limits.ts';

/** Options of `upgradeWebSocket`. `pingIntervalMs` is 30 s by default. */
export interface UpgradeWebSocketOptions extends WebSocketOptions {
  /**
   * The subprotocol that the client must offer; otherwise, its request is refused with 400. Excludes `subprotocols`.
   * Default: none.
   */
  readonly protocol?: string | undefined;
  /**
   * The subprotocols of this server, in its order of preference: at most 64 different tokens. The first that the client
   * offered is chosen, or none. Default: none.
   */
  readonly subprotocols?: readonly string[] | undefined;
  /**
   * Origins whose pages may connect, besides those of this site: `https://app.example.com`,
   * `https://*.example.com` for all subdomains of `example.com` but not for `example.com` itself, and `'*'` for every
   * page. With `'*'`, any page can open a connection with the cookies of its visitor. Default: none.
   */
  readonly allowedOrigins?: readonly string[] | undefined;
  /**
   * Decides instead of `allowedOrigins` whether pages of an origin may connect. If the result is anything but `true`,
   * even a promise, the request is refused with 403. Not called for a request without an Origin header, since browsers
   * always send one. Default: none.
   */
  readonly checkOrigin?: ((origin: string, request: Request) => boolean) | undefined;
  /** Headers for the 101, such as Set-Cookie. Those of the handshake and of a body are ignored. Default: none. */
  readonly headers?: HTTPHeadersInit | Headers | undefined;
  /**
   * While promises that listeners of `message` returned are pending for this many messages, no more messages are read,
   * so that the client feels back-pressure. With 1, messages are handled one after the other; a listener must then not
   * wait for a later message of the same client. Default: 64.
   */
  readonly maxPendingMessages?: number | undefined;
  /** Logs errors that listeners throw. Default: the logger of this thread's event loop. */
  readonly logger?: Logger | undefined;
}

const UPGRADE_OPTIONS: OptionNames<UpgradeWebSocketOptions> = {
  ...WEBSOCKET_OPTIONS,
  protocol: true,
  subprotocols: true,
  allowedOrigins: true,
  checkOrigin: true,
  headers: true,
  maxPendingMessages: true,
  logger: true,
};

/** Enough for listeners that wait for a database, and little enough for the memory of one client. */
const MAX_PENDING_MESSAGES = 64;

/** {@link UpgradeWebSocketOptions} with their defaults. */
export interface UpgradeSettings {
  readonly connection: WebSocketSettings;
  readonly own: Omit<UpgradeWebSocketOptions, keyof WebSocketOptions>;
  readonly maxPendingMessages: number;
  readonly logger: Logger;
}

/** Connections with the same options share their settings. */
const OWNER = {};

/** @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` if an option is unknown or invalid. */
export function resolveUpgradeOptions(options: UpgradeWebSocketOptions): UpgradeSettings {
  webSocketChecks.options('upgradeWebSocket', options, UPGRADE_OPTIONS);
  const {
    protocol,
    subprotocols,
    allowedOrigins,
    checkOrigin,
    headers,
    maxPendingMessages,
    logger,
    ...rest
  } = options;
  const problem =
    (allowedOrigins === undefined ? undefined : allowedOriginsProblem(allowedOrigins)) ??
    (subprotocols === undefined ? undefined : subprotocolsProblem(subprotocols)) ??
    (protocol === undefined ? undefined : subprotocolsProblem([protocol])) ??
    (protocol !== undefined && subprotocols !== undefined
      ? 'protocol and subprotocols exclude each other; pass only subprotocols to let the client choose'
      : undefined);
  if (problem !== undefined)
    throw new WebSocketUsageError('ERR_WEBSOCKET_BAD_OPTION', `upgradeWebSocket: ${problem}`);
  if (checkOrigin !== undefined) webSocketChecks.callback('upgradeWebSocket', 'checkOrigin', checkOrigin);
  const pending = maxPendingMessages ?? MAX_PENDING_MESSAGES;
  webSocketChecks.wholeNumber('upgradeWebSocket', 'maxPendingMessages', pending, 1);
  if (logger !== undefined)
    webSocketChecks.withMethods('upgradeWebSocket', 'a logger', logger, 'error', 'warn');
  return {
    connection: sharedSettings(OWNER, withPings(rest)),
    own: { protocol, subprotocols, allowedOrigins, checkOrigin, headers },
    maxPendingMessages: pending,
    logger: logger === undefined ? IOLoop.current().logger : acceptLogger(logger),
  };
}
