import path from 'node:path';
import type { Application } from '@landspout/web';
import { parseRoutesArguments, ROUTES_HELP } from './application-arguments.ts';
import { printedRoute, routeLines } from './route-lines.ts';
import { loadServed } from './served-module.ts';
import { print } from './standard-output.ts';
import { type Command, CommandFailure, EXIT } from './wrong-usage.ts';

/** `landspout routes`. */
export const command: Command = {
  help: ROUTES_HELP,
  async run(args) {
    const wanted = parseRoutesArguments(args, process.cwd());
    if (wanted === undefined) return 'help';
    const { json, load } = wanted;
    const served = await loadServed(wanted);
    if (served.kind === 'fetch') {
      const problem = 'is a Fetch handler, which has no routes to show';
      throw new CommandFailure(`the default export of ${path.basename(wanted.entry)} ${problem}`);
    }
    const { application } = served;
    if (load) await loadHandlers(application);
    const routes = application.routeTable().map(printedRoute);
    await print(json ? `${JSON.stringify(routes, undefined, 2)}\n` : `${routeLines(routes).join('\n')}\n`);
    return EXIT.success;
  },
};

/** Loads the handlers of lazy routes. @throws CommandFailure with the pattern if one cannot be loaded. */
async function loadHandlers(application: Application): Promise<void> {
  for (const route of application.routeTable()) {
    if (route.handlerClass !== undefined) continue;
    try {
      await route.load();
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause);
      throw new CommandFailure(`the handler of ${route.pattern} cannot be loaded: ${problem}`, { cause });
    }
  }
}
