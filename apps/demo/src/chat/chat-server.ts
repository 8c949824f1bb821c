import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Application, type HTTPServer } from 'landspout';
import { ChatHandler } from './chat-handler.ts';
import { AssetHandler, PageHandler } from './page-handlers.ts';
import { Room } from './room.ts';

/** The build puts the page beside the program. */
const PUBLIC = fileURLToPath(new URL('./public/', import.meta.url));

/** Close code of WebSocket for a server that goes down (RFC 6455 §7.4.1): the page waits and comes again. */
const GOING_AWAY = 1001;
const DRAIN_MS = 1_000;

/** The chat app while it runs. */
export interface ChatServer {
  /** The address to open. */
  readonly url: string;
  /** Says goodbye to every page and closes everything. Takes little more than a second, whatever the pages do. */
  stop(): Promise<void>;
}

/**
 * Starts the page and its room.
 *
 * @param where.port - 0 lets the system choose.
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
  await server.stop({ drainMs: DRAIN_MS });
  await server.closeAll();
}
