import type { HTTPServer } from '@landspout/httpserver';
import type { Served } from './served-module.ts';

/** Where a command listens. */
export interface Place {
  readonly port: number;
  /** Undefined for all addresses. */
  readonly host?: string | undefined;
  /** Undefined for this process only. */
  readonly processes?: number | 'cpus';
}

/**
 * Starts a server for what a module serves, in this process. A Fetch handler is served as by `serve`, with its defaults.
 *
 * @throws the errors of listening.
 */
export async function listen(served: Served, { port, host }: Place): Promise<HTTPServer> {
  if (served.kind === 'application')
    return served.application.listen(host === undefined ? { port } : { port, host });
  return listenForFetch(served, { port, host });
}

/** Like {@link listen}, for a Fetch handler; with `processes`, in one of several processes. */
export async function listenForFetch(
  { fetch }: Extract<Served, { readonly kind: 'fetch' }>,
  { port, host, processes }: Place,
): Promise<HTTPServer> {
  // Loaded only for Fetch handlers, which need node:http.
  const { FetchServer } = await import('@landspout/httpserver/fetch');
  const server = new FetchServer({
    fetch,
    port,
    manual: true,
    ...(host === undefined ? {} : { hostname: host }),
    ...(processes === undefined ? {} : { processes }),
  });
  await server.serve();
  return server.server;
}
