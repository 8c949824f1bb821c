import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Application, type HTTPServer } from 'landspout';
import { ChatHandler } from './chat-handler.ts';
import { AssetHandler, PageHandler } from './page-handlers.ts';
import { Room } from './room.ts';

/** The build copies the page next to the program. */
const PUBLIC = fileURLToPath(new URL('./public/', import.meta.url));

/** WebSocket close code of a server that is stopping (RFC 6455 §7.4.1): the page waits and reconnects. */
const GOING_AWAY = 1001;
const DRAIN_MS = 1_000;

/** A running chat server. */
export interface ChatServer {
  /** The URL to open. */
  readonly url: string;
  /** Closes all pages and the server. Takes little more than a second, whatever the pages do. */
  stop(): Promise<void>;
}

/**
 * Starts the server of the page and its room.
 *
 * @param where.port - 0: the system chooses a port.
 * @throws SystemError such as `EADDRINUSE`.
 */
export async function startChat(where: {
  readonly port: number;
  readonly host: string;
}): Promise<ChatServer> {
  const html = await readFile(`${PUBLIC}index.html`, 'utf8');
  const room = new Room();
  const app = new Application([
    ['/', PageHandler, { html }],
    ['/room', ChatHandler, { room }],
    ['/static/*path', AssetHandler, { path: PUBLIC }],
  ]);
  const server = await app.listen({ ...where, maxBodyBytes: 0 });
  return { url: server.url, stop: () => stop(server, room) };
}

async function stop(server: HTTPServer, room: Room): Promise<void> {
  room.dismiss(GOING_AWAY, 'the server stops');
  await server.stop({ drainMs: DRAIN_MS, final: true });
  await server.closeAll();
}
