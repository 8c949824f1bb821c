// A chat room for browsers: pages written with `html`, and messages that the server renders, both for the page and for
// the WebSocket. Run: npx landspout dev chat/app.ts, or node chat/main.ts [port], then open the URL that it prints.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { Application, type Logger, rateLimit, securityHeaders } from 'landspout';
import { type ChatSettings, ChatSocket, Home, Join, Leave } from './handlers.ts';
import { Room } from './room.ts';

export interface ChatOptions {
  /** Whether the chat runs in development. Default: false. */
  readonly debug?: boolean;
  readonly logger?: Logger;
}

/** Makes the application. `landspout dev` and `landspout serve` call it. */
export default function createChat({ debug = false, logger }: ChatOptions = {}): Application<ChatSettings> {
  return new Application<ChatSettings>(
    [
      ['/', Home],
      ['/join', Join, {}, { middleware: [rateLimit({ limit: 20 })] }],
      ['/leave', Leave],
      ['/socket', ChatSocket],
    ],
    {
      debug,
      room: new Room(),
      staticPath: path.join(import.meta.dirname, 'static'),
      // The room is in memory too: after a restart, everyone joins again.
      cookieSecret: randomBytes(32),
      xsrfCookies: true,
      middleware: [securityHeaders({ contentSecurityPolicy: POLICY, frameAncestors: 'none' })],
      ...(logger === undefined ? {} : { logger }),
    },
  );
}

/** Pages use only what is in the folder `static`, and connect only to this server. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'";
