// An MCP server whose responses can be resumed, also after the server was killed: what it sends is in topics.
// Run: node mcp/main.ts [port] [folder of the journal], then connect an MCP client to the URL that it prints.
import {
  Application,
  type Backplane,
  HTTPError,
  host,
  type Logger,
  type Middleware,
  mount,
  RequestHandler,
  Topics,
} from 'landspout';
import { FetchContainer } from 'landspout/httpserver/fetch';
import { Sessions } from './sessions.ts';
import { BuildLine, buildTopic } from './tools.ts';

export interface McpOptions {
  /** Where topics are kept. Default: in memory. */
  readonly backplane?: Backplane;
  readonly logger?: Logger;
}

interface McpSettings {
  readonly topics: Topics;
}

/** Far more than the arguments of a tool. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

/** Where builds report their lines: `curl -d '{"line":"compiling"}' -H 'Content-Type: application/json' …/builds/nightly`. */
class Build extends RequestHandler<'/builds/:name', McpSettings> {
  override async post(): Promise<void> {
    await buildTopic(this.settings.topics, this.pathParams.name).publish(this.parse(BuildLine));
    this.setStatus(204);
  }
}

/** Refuses pages of other sites: this server has no accounts, and trusts what runs on its machine. */
const ownOriginOnly: Middleware = ({ request }, next) => {
  const origin = request.headers.get('Origin');
  if (origin !== undefined && !request.isOwnOrigin(origin)) throw new HTTPError(403);
  return next();
};

/** Makes the application. `landspout dev` and `landspout serve` call it. */
export default function createMcp({ backplane, logger }: McpOptions = {}): Application<McpSettings> {
  const topics = new Topics(backplane === undefined ? {} : { backplane });
  const sessions = new Sessions(topics);
  const mcp = new FetchContainer((request) => sessions.handle(request));
  // Only by the names of this machine, so that no other name can be made to point to it (DNS rebinding).
  const local = host(/^(?:localhost|127\.0\.0\.1|\[::1\])$/);
  return new Application<McpSettings>(
    [[local, [mount('/mcp', mcp, { maxBodyBytes: MAX_MESSAGE_BYTES }), ['/builds/:name', Build]]]],
    { topics, middleware: [ownOriginOnly], ...(logger === undefined ? {} : { logger }) },
  );
}
