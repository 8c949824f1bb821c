import { fileURLToPath } from 'node:url';
import { Application, type HTTPServer, IOLoop, rateLimit, route, securityHeaders } from 'landspout';
import { JournalBackplane, Topics } from 'landspout/topics';
import { ChatPageHandler } from '../chat/chat-page.ts';
import { ROOM_TOPICS } from '../chat/rooms.ts';
import { Visitors, VisitorsHandler } from '../chat/visitors.ts';
import { ResponseHandler } from '../response/response-handler.ts';
import { openResponses } from '../response/responses.ts';
import { type DataFolder, openDataFolder } from './data-folder.ts';
import { LiveHandler, MAX_MESSAGE_BYTES } from './live-handler.ts';
import type { Site } from './site.ts';
import { AssetHandler, SourceHandler, SourceListHandler, sourceFiles } from './static-handlers.ts';
import { STATUS_TOPIC, type Status, StatusBoard } from './status-board.ts';

/** The build copies the files of the pages next to the program, which is in `dist`. */
const PUBLIC = fileURLToPath(new URL('./public/', import.meta.url));
const SOURCE = fileURLToPath(new URL('../src/', import.meta.url));

const DRAIN_MS = 1_000;
/** Messages kept for those who come later. */
const HISTORY = 500;
/** Less than the default, so that a person who closes the page soon leaves the list; a reload takes less time. */
const LEAVE_DELAY_MS = 2_000;

/**
 * A page may load from and connect to this server only, and no site may frame it: even if a bug turned the text of a
 * message into markup, no script in it would run. 'self' includes the WebSocket of the same host.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
].join('; ');

/** Where the demo runs. */
export interface DemoOptions {
  /** 0: the system chooses a port. */
  readonly port: number;
  readonly host: string;
  /** The folder for what outlives a restart; see {@link openDataFolder}. */
  readonly data: string | undefined;
}

/** A running demo. */
export interface DemoServer {
  /** The URLs to open. */
  readonly chat: string;
  readonly response: string;
  /** The folder in which messages and responses are kept. */
  readonly data: string;
  /** Closes all pages and the server. Takes little more than a second, whatever the pages do. */
  stop(): Promise<void>;
}

/** Starts the demo. @throws SystemError such as `EADDRINUSE`, or an error of the folder. */
export async function startDemo({ port, host, data }: DemoOptions): Promise<DemoServer> {
  const folder = await openDataFolder(data, port);
  const backplane = await JournalBackplane.open({ folder: folder.journal });
  const site = openSite(backplane, folder);
  const app = new Application(await routesOf(site), {
    xsrfCookies: true,
    middleware: [securityHeaders({ contentSecurityPolicy: CONTENT_SECURITY_POLICY, frameAncestors: 'none' })],
  });
  const close = async () => {
    await Promise.all([site.topics.close(), site.passing.close()]);
    // The runs are not closed, which would end them: those that are not finished go on in the next process.
    await backplane.close();
    await folder.dispose();
  };
  try {
    const server = await app.listen({ port, host, maxBodyBytes: MAX_MESSAGE_BYTES });
    const { url } = server;
    const stop = () => stopServer(server).then(close);
    return { chat: `${url}/`, response: `${url}/response`, data: folder.path, stop };
  } catch (error) {
    await close();
    throw error;
  }
}

function openSite(backplane: JournalBackplane, { secret }: DataFolder): Site {
  const topics = new Topics({
    backplane,
    configure: { [ROOM_TOPICS]: { maxRecords: HISTORY, leaveDelayMs: LEAVE_DELAY_MS } },
  });
  const passing = new Topics({ maxRecords: 1, leaveDelayMs: LEAVE_DELAY_MS });
  const status = new StatusBoard(passing.topic<Status>(STATUS_TOPIC), IOLoop.current().backend);
  const visitors = new Visitors(topics, secret);
  return { topics, passing, runs: openResponses(backplane), visitors, status };
}

async function routesOf(site: Site) {
  // More than a person needs.
  const middleware = [rateLimit({ limit: 60 })];
  return [
    route('/', ChatPageHandler),
    route('/visitors', VisitorsHandler, { visitors: site.visitors }, { middleware }),
    route('/response', ResponseHandler, { site }),
    route('/live', LiveHandler, { site }),
    route('/static/*path', AssetHandler, { path: PUBLIC }),
    route('/source/', SourceListHandler, { files: await sourceFiles(SOURCE) }),
    route('/source/*path', SourceHandler, { path: SOURCE }),
  ];
}

async function stopServer(server: HTTPServer): Promise<void> {
  await server.stop({ drainMs: DRAIN_MS });
  await server.closeAll();
}
