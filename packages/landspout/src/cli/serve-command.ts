import path from 'node:path';
import { HTTPServer } from '@landspout/httpserver';
import { taskId } from '@landspout/ioloop/processes';
import { parseServeArguments, SERVE_HELP, type ServeArguments } from './application-arguments.ts';
import { listen, listenForFetch } from './listening.ts';
import { loadServed } from './served-module.ts';
import { complain } from './standard-output.ts';
import { type Command, CommandFailure } from './wrong-usage.ts';

/** `landspout serve`. */
export const command: Command = {
  help: SERVE_HELP,
  async run(args) {
    const wanted = parseServeArguments(args, process.cwd());
    if (wanted === undefined) return 'help';
    if (wanted.processes === undefined) await serveHere(wanted);
    else await serveInProcesses(wanted, wanted.processes);
    // The server keeps the process alive until a signal arrives.
    return undefined;
  },
};

async function serveHere(wanted: ServeArguments): Promise<void> {
  process.setSourceMapsEnabled(true);
  const served = await loadServed(wanted);
  const server = await listen(served, placeOf(wanted)).catch(listenFailed);
  server.stopOnSignals();
  announce(wanted, server);
}

/**
 * In the parent of several processes, this never resolves, and the module is not loaded. The children are started with
 * the arguments of the parent.
 */
async function serveInProcesses(wanted: ServeArguments, processes: number | 'cpus'): Promise<void> {
  process.setSourceMapsEnabled(true);
  const isParent = processes !== 1 && taskId() === undefined;
  const served = isParent ? undefined : await loadServed(wanted);
  const place = { processes, ...placeOf(wanted) };
  let server: HTTPServer;
  if (served?.kind === 'fetch') {
    server = await listenForFetch(served, place).catch(listenFailed);
  } else {
    server = new HTTPServer(served?.application ?? (() => {}));
    await server.start(place).catch(listenFailed);
  }
  if ((taskId() ?? 0) === 0) announce(wanted, server);
}

function placeOf({ port, host }: ServeArguments): { readonly port: number; readonly host?: string } {
  return host === undefined ? { port } : { port, host };
}

function listenFailed(cause: Error): never {
  throw new CommandFailure(cause.message, { cause });
}

function announce({ entry }: ServeArguments, { url }: HTTPServer): void {
  complain('serve', `${path.basename(entry)} is served at ${url}`);
}
