import { statSync } from 'node:fs';
import path from 'node:path';
import { shownText } from '@landspout/ioloop/errors';
import { type Argument, type OptionTable, splitArguments, WrongUsage } from './wrong-usage.ts';

const MODULE_HELP = `The default export of the module is an Application; a Fetch handler, which is an object with a method
fetch, such as an application of Hono or h3, or a function of a request; or a function that returns one of
these, without a parameter or written as ({ debug }) => ..., which may be asynchronous. Such a function`;

const TYPESCRIPT_HELP = `TypeScript is run by Node itself if it strips types (22.18 and later), otherwise by tsx if the project has it.`;

export const DEV_HELP = `usage: landspout dev [options] app.ts [-- ARGUMENT...]

Serves an application, and restarts it when a file that it has loaded changes. If the file has an error, the
command prints it and waits for a change.

${MODULE_HELP}
is called with { debug: true }. A module without a default export runs as a program of its own, and is
restarted in the same way.

      --port PORT            default: 8888; 0 chooses a free port, which stays the same after a restart
      --host HOST            default: 127.0.0.1
      --watch PATH           also restarts when this file, or a file in this folder, changes, such as .env;
                             may be repeated. The path need not exist yet. Not needed for the templates of
                             an EtaEngine, which are read again if the application has the setting debug
      --watch-modules        also watches what was loaded from node_modules
      --stop-timeout SECONDS how long the old process may take to end before it is killed. Requests in
                             progress get half of it. Default: 2
  -h, --help

What follows "--" is passed to the module as process.argv. NODE_ENV is set to "development" if it is not set.
${TYPESCRIPT_HELP}
`;

export const SERVE_HELP = `usage: landspout serve [options] app.js [-- ARGUMENT...]

Serves an application over HTTP. After SIGTERM or SIGINT, it completes the requests in progress for up to
30 s and ends. For HTTPS, write a program that calls listen() with the option tls.

${MODULE_HELP}
is called with { debug: false }.

      --port PORT            default: 8888; 0 chooses a free port
      --host HOST            default: all addresses of this machine
      --processes N          serves in N processes that share the port; "cpus" for one per CPU. Each loads the
                             module. A process that crashes is started again, and SIGHUP replaces all, one by
                             one. Default: this process only
  -h, --help

What follows "--" is passed to the module as process.argv.
${TYPESCRIPT_HELP}
`;

export const ROUTES_HELP = `usage: landspout routes [options] app.ts

Prints the routes of an application in the order in which they are tried. A Fetch handler has none to show.

${MODULE_HELP}
is called with { debug: false }.

      --json                 prints a JSON array with all details
      --load                 loads the handlers of lazy routes, which are otherwise shown as "(lazy)"
  -h, --help

${TYPESCRIPT_HELP}
`;

/** What the commands for an application have in common. */
export interface ModuleArguments {
  /** The absolute path of the module; it exists. */
  readonly entry: string;
  /** The arguments for the module. */
  readonly rest: readonly string[];
}

/** The parsed command line of `landspout dev`. */
export interface DevArguments extends ModuleArguments {
  readonly port: number;
  /** Whether the command line has `--port` or `--host`, which a program of its own does not use. */
  readonly hasAddress: boolean;
  readonly host: string;
  /** Absolute paths. */
  readonly watch: readonly string[];
  readonly watchModules: boolean;
  readonly stopTimeoutMs: number;
}

/** The parsed command line of `landspout serve`. */
export interface ServeArguments extends ModuleArguments {
  readonly port: number;
  /** Undefined for all addresses. */
  readonly host: string | undefined;
  /** Undefined for this process only. */
  readonly processes: number | 'cpus' | undefined;
}

/** The parsed command line of `landspout routes`. */
export interface RoutesArguments extends ModuleArguments {
  readonly json: boolean;
  readonly load: boolean;
}

const DEFAULT_PORT = 8888;
const MAX_PORT = 65_535;
const DEFAULT_STOP_TIMEOUT_SECONDS = 2;
const MAX_STOP_TIMEOUT_SECONDS = 3600;
const MAX_PROCESSES = 1024;

const HELP_OPTION: OptionTable = { help: { type: 'boolean', short: 'h' } };
const ADDRESS_OPTIONS: OptionTable = { ...HELP_OPTION, port: { type: 'string' }, host: { type: 'string' } };
const DEV_OPTIONS: OptionTable = {
  ...ADDRESS_OPTIONS,
  watch: { type: 'string' },
  'watch-modules': { type: 'boolean' },
  'stop-timeout': { type: 'string' },
};
const SERVE_OPTIONS: OptionTable = { ...ADDRESS_OPTIONS, processes: { type: 'string' } };
const ROUTES_OPTIONS: OptionTable = { ...HELP_OPTION, json: { type: 'boolean' }, load: { type: 'boolean' } };

/** @param cwd - the folder that paths are relative to. @returns undefined if help is wanted. @throws WrongUsage */
export function parseDevArguments(args: readonly string[], cwd: string): DevArguments | undefined {
  const given = new GivenArguments(args, DEV_OPTIONS);
  if (given.isSet('help')) return undefined;
  return {
    port: portFrom(given.last('port')),
    host: given.last('host') ?? '127.0.0.1',
    hasAddress: given.isSet('port') || given.isSet('host'),
    watch: given.all('watch').map((one) => path.resolve(cwd, one)),
    watchModules: given.isSet('watch-modules'),
    stopTimeoutMs: stopTimeoutFrom(given.last('stop-timeout')),
    ...moduleFrom(given, cwd),
  };
}

/** Like {@link parseDevArguments}. */
export function parseServeArguments(args: readonly string[], cwd: string): ServeArguments | undefined {
  const given = new GivenArguments(args, SERVE_OPTIONS);
  if (given.isSet('help')) return undefined;
  return {
    port: portFrom(given.last('port')),
    host: given.last('host'),
    processes: processesFrom(given.last('processes')),
    ...moduleFrom(given, cwd),
  };
}

/** Like {@link parseDevArguments}. */
export function parseRoutesArguments(args: readonly string[], cwd: string): RoutesArguments | undefined {
  const given = new GivenArguments(args, ROUTES_OPTIONS);
  if (given.isSet('help')) return undefined;
  return { json: given.isSet('json'), load: given.isSet('load'), ...moduleFrom(given, cwd) };
}

/** A command line, split into its options, its positionals and what follows `--`. */
class GivenArguments {
  readonly positionals: readonly string[];
  readonly rest: readonly string[];
  readonly #given: readonly Argument[];

  /** @throws WrongUsage */
  constructor(args: readonly string[], options: OptionTable) {
    const end = args.indexOf('--');
    this.rest = end === -1 ? [] : args.slice(end + 1);
    this.#given = splitArguments(end === -1 ? args : args.slice(0, end), options);
    this.positionals = this.#given.flatMap((one) => (one.kind === 'positional' ? [one.value] : []));
  }

  isSet(name: string): boolean {
    return this.all(name).length > 0;
  }

  last(name: string): string | undefined {
    return this.all(name).at(-1);
  }

  /** The values of an option, in order; those of a flag are empty. */
  all(name: string): string[] {
    return this.#given.flatMap((argument) => {
      if (argument.kind !== 'option' || argument.name !== name) return [];
      if (argument.value === '') throw new WrongUsage(`--${name} must not be empty`);
      return [argument.value ?? ''];
    });
  }
}

function moduleFrom({ positionals, rest }: GivenArguments, cwd: string): ModuleArguments {
  const [file, ...others] = positionals;
  if (file === undefined) throw new WrongUsage('the module of the application is missing');
  if (others.length > 0) {
    const remedy = 'arguments for the module follow "--"';
    throw new WrongUsage(`one module was expected, got ${positionals.length} arguments; ${remedy}`);
  }
  const entry = path.resolve(cwd, file);
  const found = statSync(entry, { throwIfNoEntry: false });
  if (found === undefined) throw new WrongUsage(`there is no file ${shownText(file)}`);
  if (!found.isFile()) throw new WrongUsage(`the module must be a file, and ${shownText(file)} is none`);
  return { entry, rest };
}

function portFrom(text: string | undefined): number {
  if (text === undefined) return DEFAULT_PORT;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= MAX_PORT) return port;
  throw new WrongUsage(`--port must be a whole number from 0 to ${MAX_PORT}, got ${shownText(text)}`);
}

function stopTimeoutFrom(text: string | undefined): number {
  if (text === undefined) return DEFAULT_STOP_TIMEOUT_SECONDS * 1000;
  const seconds = Number(text);
  if (/^\d*\.?\d+$/.test(text) && seconds <= MAX_STOP_TIMEOUT_SECONDS) return Math.ceil(seconds * 1000);
  const expected = `a number of seconds from 0 to ${MAX_STOP_TIMEOUT_SECONDS}`;
  throw new WrongUsage(`--stop-timeout must be ${expected}, got ${shownText(text)}`);
}

function processesFrom(text: string | undefined): number | 'cpus' | undefined {
  if (text === undefined || text === 'cpus') return text;
  const count = Number(text);
  if (/^\d{1,4}$/.test(text) && count >= 1 && count <= MAX_PROCESSES) return count;
  const expected = `a whole number from 1 to ${MAX_PROCESSES}, or "cpus"`;
  throw new WrongUsage(`--processes must be ${expected}, got ${shownText(text)}`);
}
