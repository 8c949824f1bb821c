// An MCP server whose responses can be resumed, also after the server was killed: what it sends is in topics.
// Run: node mcp/main.ts [port] [folder of the journal], then connect an MCP client to the URL that it prints.
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { Application, type Backplane, HTTPError, host, type Logger, RequestHandler, Topics } from 'landspout';
import { sendFetchResponse, toFetchRequest } from './fetch-objects.ts';
import { Sessions } from './sessions.ts';
import { BuildLine, buildTopic } from './tools.ts';

export interface McpOptions {
  /** Where topics are kept. Default: in memory. */
  readonly backplane?: Backplane;
  readonly logger?: Logger;
}

interface McpSettings {
  readonly topics: Topics;
  readonly sessions: Sessions;
}

abstract class OwnOriginHandler<Pattern extends string = string> extends RequestHandler<
  Pattern,
  McpSettings
> {
  /** Refuses pages of other sites: this server has no accounts, and trusts what runs on its machine. */
  override prepare(): void {
    const origin = this.request.headers.get('Origin');
    if (origin !== undefined && !this.request.isOwnOrigin(origin)) throw new HTTPError(403);
  }
}

/** The MCP endpoint: POST sends a message, GET resumes a response or opens a stream, DELETE ends the session. */
class Mcp extends OwnOriginHandler {
  static override readonly supportedMethods = ['GET', 'POST', 'DELETE'];

  override async all(): Promise<void> {
    const message = this.request.method === 'POST' ? this.getJsonBody() : undefined;
    const response = await this.settings.sessions.handle(toFetchRequest(this), message as JSONRPCMessage);
    await sendFetchResponse(this, response);
  }
}

/** Where builds report their lines: `curl -d '{"line":"compiling"}' -H 'Content-Type: application/json' …/builds/nightly`. */
class Build extends OwnOriginHandler<'/builds/:name'> {
  override async post(): Promise<void> {
    await buildTopic(this.settings.topics, this.pathParams.name).publish(this.parse(BuildLine));
    this.setStatus(204);
  }
}

/** Makes the application. `landspout dev` and `landspout serve` call it. */
export default function createMcp({ backplane, logger }: McpOptions = {}): Application<McpSettings> {
  const topics = new Topics(backplane === undefined ? {} : { backplane });
  // Only by the names of this machine, so that no other name can be made to point to it (DNS rebinding).
  const local = host(/^(?:localhost|127\.0\.0\.1|\[::1\])$/);
  return new Application<McpSettings>(
    [
      [
        local,
        [
          ['/mcp', Mcp],
          ['/builds/:name', Build],
        ],
      ],
    ],
    { topics, sessions: new Sessions(topics), ...(logger === undefined ? {} : { logger }) },
  );
}
