import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Application, HTTPServer, rateLimit, route, securityHeaders } from 'landspout';
import { Topics } from 'landspout/topics';
import { LivenessHandler, ReadinessHandler } from 'landspout/web';
import { ChatPageHandler } from '../chat/chat-page.ts';
import { ROOM_TOPICS } from '../chat/rooms.ts';
import { Visitors, VisitorsHandler } from '../chat/visitors.ts';
import { ResponseHandler } from '../response/response-handler.ts';
import { openResponses } from '../response/responses.ts';
import { type Backplanes, describeBackplane, openBackplanes } from './backplanes.ts';
import { serveAsChild } from './child.ts';
import type { DataFolder } from './data-folder.ts';
import { type DemoOptions, DRAIN_MS, hasParent, mayKill, STOP } from './demo-options.ts';
import { KillHandler } from './kill-handler.ts';
import { LiveHandler, MAX_MESSAGE_BYTES, TABS_TOPIC } from './live-handler.ts';
import { OwnProcess } from './own-process.ts';
import type { Site } from './site.ts';
import { AssetHandler, SourceHandler, SourceListHandler, sourceFiles } from './static-handlers.ts';

/** The build copies the files of the pages next to the program, which is in `dist`. */
const PUBLIC = fileURLToPath(new URL('./public/', import.meta.url));
const SOURCE = fileURLToPath(new URL('../src/', import.meta.url));

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

/** A running demo. */
export interface DemoServer {
  /** The URL of the server, without a slash at the end. */
  readonly url: string;
  /** Open connections. */
  readonly connections: number;
  /** Closes all pages and the server. Takes {@link DRAIN_MS} and the time to close files at most. */
  stop(): Promise<void>;
}

/**
 * Starts the demo in this process: the only one, or a child of `superviseDemo`, which stops by itself at a signal.
 *
 * @throws SystemError such as `EADDRINUSE`; an error of the folder or of the backplane.
 */
export async function startDemo(options: DemoOptions, folder: DataFolder): Promise<DemoServer> {
  const backplanes = await openBackplanes(options, folder);
  const site = openSite(options, backplanes, folder);
  const server = new HTTPServer(await applicationOf(options, site), { maxBodyBytes: MAX_MESSAGE_BYTES });
  const close = async () => {
    // Unfinished responses go on in another process, or in the next one.
    await Promise.all([
      site.topics.close(),
      site.passing.close(),
      site.process.topics.close(),
      site.runs.close(),
    ]);
    await backplanes.close();
  };
  const stopped = once(server.stopping, 'abort').then(async () => {
    site.process.stopping();
    void site.runs.drain({ drainMs: DRAIN_MS });
    await server.stop();
    await server.closeAll();
    await close();
  });
  try {
    if (hasParent(options)) await serveAsChild(server, options);
    else await server.listen({ port: options.port, host: options.host });
  } catch (error) {
    await close();
    throw error;
  }
  const stop = async () => {
    await server.stop(STOP);
    await stopped;
  };
  return {
    url: server.url,
    get connections() {
      return server.openConnections;
    },
    stop,
  };
}

function openSite(options: DemoOptions, { kept, passing }: Backplanes, { secret }: DataFolder): Site {
  const topics = new Topics({
    backplane: kept,
    configure: { [ROOM_TOPICS]: { maxRecords: HISTORY, leaveDelayMs: LEAVE_DELAY_MS } },
  });
  const own = new OwnProcess(options, describeBackplane(options));
  return {
    topics,
    passing: new Topics({
      backplane: passing,
      leaveDelayMs: LEAVE_DELAY_MS,
      configure: { [TABS_TOPIC]: { leaveDelayMs: 0 } },
    }),
    runs: openResponses(kept, own.facts),
    visitors: new Visitors(topics, secret),
    process: own,
  };
}

async function applicationOf(options: DemoOptions, site: Site): Promise<Application> {
  return new Application(await routesOf(options, site), {
    xsrfCookies: true,
    middleware: [securityHeaders({ contentSecurityPolicy: CONTENT_SECURITY_POLICY, frameAncestors: 'none' })],
  });
}

async function routesOf(options: DemoOptions, site: Site) {
  // More than a person needs.
  const middleware = [rateLimit({ limit: 60 })];
  return [
    route('/', ChatPageHandler),
    route('/visitors', VisitorsHandler, { visitors: site.visitors }, { middleware }),
    route('/response', ResponseHandler, { site }),
    route('/live', LiveHandler, { site }),
    route('/livez', LivenessHandler),
    // No check of Redis: if it is gone, it is gone for all processes, and none could tell the readers so.
    route('/readyz', ReadinessHandler),
    ...(mayKill(options) ? [route('/kill', KillHandler, {}, { middleware })] : []),
    route('/static/*path', AssetHandler, { path: PUBLIC }),
    route('/source/', SourceListHandler, { files: await sourceFiles(SOURCE) }),
    route('/source/*path', SourceHandler, { path: SOURCE }),
  ];
}
