import type { HTTPServerConnectionDelegate } from '@landspout/http1';
import {
  HTTP_SERVER_OPTIONS,
  HTTPServer,
  type HTTPServerOptions,
  listenCallbackProblem,
  nodeNameProblem,
  START_OPTIONS,
  type StartOptions,
} from '@landspout/httpserver';
import { type OptionNames, pickOptions } from '@landspout/ioloop/errors';
import { LISTEN_OPTIONS, listenOptionsProblem } from '@landspout/iostream/transports';
import { WebUsageError } from '../errors.ts';

/** Where to listen, and the options of the server. */
export type ApplicationListenOptions = HTTPServerOptions & Parameters<HTTPServer['listen']>[0];

/** The number of processes, where they listen, and the options of the server. */
export type ApplicationStartOptions = HTTPServerOptions & StartOptions;

const APPLICATION_LISTEN_OPTIONS: OptionNames<ApplicationListenOptions> = {
  ...HTTP_SERVER_OPTIONS,
  ...LISTEN_OPTIONS,
};

const APPLICATION_START_OPTIONS: OptionNames<ApplicationStartOptions> = {
  ...HTTP_SERVER_OPTIONS,
  ...START_OPTIONS,
};

/** Implements `Application.listen`. */
export async function listenFor(
  application: HTTPServerConnectionDelegate,
  options: ApplicationListenOptions,
  others: readonly unknown[],
): Promise<HTTPServer> {
  const problem =
    listenCallbackProblem(others) ??
    nodeNameProblem(options) ??
    processesProblem(options) ??
    listenOptionsProblem(options, APPLICATION_LISTEN_OPTIONS);
  if (problem !== undefined) throw new WebUsageError('ERR_WEB_USAGE', `listen: ${problem}`);
  const server = new HTTPServer(application, pickOptions(options, HTTP_SERVER_OPTIONS));
  await server.listen(pickOptions(options, LISTEN_OPTIONS));
  return server;
}

/** Implements `Application.start`. */
export async function startFor(
  application: HTTPServerConnectionDelegate,
  options: ApplicationStartOptions,
): Promise<HTTPServer> {
  const problem =
    nodeNameProblem(options) ??
    placeProblem(options) ??
    listenOptionsProblem(options, APPLICATION_START_OPTIONS);
  if (problem !== undefined) throw new WebUsageError('ERR_WEB_USAGE', `start: ${problem}`);
  const server = new HTTPServer(application, pickOptions(options, HTTP_SERVER_OPTIONS));
  await server.start(pickOptions<StartOptions>(options, START_OPTIONS));
  return server;
}

/** Describes an option of `start` that was passed to `listen`. */
function processesProblem(options: unknown): string | undefined {
  const { processes } = (options ?? {}) as { readonly processes?: unknown };
  if (processes === undefined) return undefined;
  return 'it serves in this process only; for the option processes, use start({ processes, port })';
}

/** Describes an option of `listen` that several processes cannot share. */
function placeProblem(options: unknown): string | undefined {
  const given = (options ?? {}) as Readonly<Record<string, unknown>>;
  const name = Object.keys(LISTEN_OPTIONS).find(
    (one) => !(one in APPLICATION_START_OPTIONS) && given[one] !== undefined,
  );
  if (name === undefined) return undefined;
  return `the option ${name} belongs to listen; several processes listen on a port and host`;
}
