import type { HTTPServerConnectionDelegate } from '@landspout/http1';
import { HTTPServer, type HTTPServerOptions } from '@landspout/httpserver';
import { IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { IOStream } from '@landspout/iostream';
import { webChecks } from '../errors.ts';

export interface ConnectorOptions {
  /** Options of the server, such as `loop` or `maxBodyBytes`. */
  readonly server?: HTTPServerOptions;
}

/** The server that a client asks for. */
export interface ConnectorTarget {
  /** Whether the URL is an https URL: then the `protocol` of the request is `https`. */
  readonly secure: boolean;
}

/** Opens connections to an application of this process. A function, so that it can be the option of a client. */
export interface Connector {
  (target: ConnectorTarget): IOStream;
  /** Closes the connections that it has opened. Resolves when they are closed. The connector may be used again. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const OPTIONS: OptionNames<ConnectorOptions> = { server: true };

/**
 * Returns the option `connect` of an AsyncHTTPClient whose requests go straight into an application, whatever the host of
 * their URL: over streams in memory, through the whole HTTP server, without sockets and without TLS. Use it to test a
 * program that calls a service, together with the real service; `TestClient` is simpler for tests of the service alone.
 *
 * @param app - an Application or another delegate; or an HTTPServer, which need not listen, and whose options and end
 *   then apply to the connections too: `stop` and `closeAll` of that server end them.
 * @param options - must be omitted for an HTTPServer, which has its own options.
 * @throws WebUsageError `ERR_WEB_USAGE` if an option is unknown; otherwise like {@link HTTPServer}.
 *
 * @example
 * await using connect = connectorFor(app);
 * await using client = new AsyncHTTPClient({ connect });
 * expect((await client.fetch('http://shop.example/user/1')).json()).toEqual({ id: '1' });
 */
export function connectorFor(
  app: HTTPServerConnectionDelegate | HTTPServer,
  options: ConnectorOptions = {},
): Connector {
  webChecks.options('connectorFor', options, OPTIONS);
  if (app instanceof HTTPServer && options.server !== undefined)
    throw webChecks.wrong(
      'connectorFor',
      'no option server, because an HTTPServer has its own,',
      options.server,
    );
  const servers = new Servers(app, options.server ?? {});
  const connect = ({ secure }: ConnectorTarget): IOStream => servers.connect(secure);
  const close = (): Promise<void> => servers.close();
  return Object.assign(connect, {
    close,
    [Symbol.asyncDispose]: close,
  });
}

/** The servers of a connector: a server reports one protocol for all its requests. */
class Servers {
  readonly #plain: HTTPServer;
  readonly #secure: HTTPServer;
  readonly #clock: IOLoop['clock'];
  /** The ends of the clients that are open. */
  readonly #streams = new Set<IOStream>();

  constructor(app: HTTPServerConnectionDelegate | HTTPServer, options: HTTPServerOptions) {
    this.#clock = (options.loop ?? IOLoop.current()).clock;
    this.#plain = app instanceof HTTPServer ? app : new HTTPServer(app, options);
    this.#secure = app instanceof HTTPServer ? app : new HTTPServer(app, { protocol: 'https', ...options });
  }

  connect(secure: boolean): IOStream {
    const [client, server] = IOStream.pair({ clock: this.#clock });
    this.#streams.add(client);
    void client.waitClosed().then(() => this.#streams.delete(client));
    (secure ? this.#secure : this.#plain).handleStream(server);
    return client;
  }

  async close(): Promise<void> {
    const closing = [...this.#streams];
    for (const stream of closing) stream.close();
    await Promise.all(closing.map((stream) => stream.waitClosed()));
  }
}
