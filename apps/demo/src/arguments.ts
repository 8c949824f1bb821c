import { parseArgs } from 'node:util';

export const USAGE =
  'usage: pnpm demo [chat|selector|fetch] [--port N] [--host ADDRESS] [--processes N|cpus] [--redis URL] [--data FOLDER] [url]';

const DEFAULT_PORT = 8888;
/** Reachable from this machine only, unless `--host` is set. */
const DEFAULT_HOST = '127.0.0.1';
/** As many as `start` of a server allows. */
const MAX_PROCESSES = 1_024;

/** The parsed command line. */
export type Command =
  | { readonly kind: 'help' }
  | {
      readonly kind: 'chat';
      readonly port: number;
      readonly host: string;
      /** The folder for what outlives a restart; undefined for the default. */
      readonly data: string | undefined;
      readonly processes: number | 'cpus';
      /** Where rooms and responses are kept; undefined for the journal of this demo. */
      readonly redis: URL | undefined;
    }
  | { readonly kind: 'selector' | 'fetch'; readonly url: URL | undefined };

/** The command line, PORT or REDIS_URL is invalid. The message is one line, written for the user. */
export class ArgumentError extends Error {
  override readonly name = 'ArgumentError';
}

/**
 * Parses the command line.
 *
 * @param args - without the path of node and of the program.
 * @param environment - PORT is the default for `--port`, REDIS_URL for `--redis`.
 * @throws ArgumentError
 */
export function parseCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Command {
  const { values, positionals } = parseOptions(args);
  const [name = 'chat', ...rest] = positionals;
  if (values.help === true) return { kind: 'help' };
  switch (name) {
    case 'chat':
      if (rest.length > 0) throw new ArgumentError(`chat takes no ${JSON.stringify(rest[0])}; ${USAGE}`);
      return chatFrom(values, environment);
    case 'selector':
    case 'fetch': {
      if (Object.keys(values).length > 0) {
        const options = '--port, --host, --processes, --redis and --data';
        throw new ArgumentError(`${options} are for chat; ${name} takes the address to fetch`);
      }
      if (rest.length > 1) throw new ArgumentError(`${name} takes one address; ${USAGE}`);
      return { kind: name, url: rest[0] === undefined ? undefined : urlFrom(name, rest[0]) };
    }
    default:
      throw new ArgumentError(`there is no demo called ${JSON.stringify(name)}; ${USAGE}`);
  }
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({
      // Package runners also pass on the `--` that separates their own arguments from ours.
      args: args[0] === '--' ? args.slice(1) : [...args],
      allowPositionals: true,
      options: {
        port: { type: 'string' },
        host: { type: 'string' },
        data: { type: 'string' },
        processes: { type: 'string' },
        redis: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    const [firstLine = ''] = (error as Error).message.split('\n');
    throw new ArgumentError(`${firstLine.replace(/\. To specify.*$/, '')}; ${USAGE}`);
  }
}

function chatFrom(
  { port, host = DEFAULT_HOST, data, processes = '1', redis }: ReturnType<typeof parseOptions>['values'],
  environment: Readonly<Record<string, string | undefined>>,
): Command {
  if (data === '') throw new ArgumentError('--data must name a folder, not ""');
  const { PORT, REDIS_URL } = environment;
  return {
    kind: 'chat',
    port: port === undefined ? portFrom('PORT', PORT || `${DEFAULT_PORT}`) : portFrom('--port', port),
    host,
    data,
    processes: processesFrom(processes),
    redis: redis === undefined ? redisFrom('REDIS_URL', REDIS_URL || undefined) : redisFrom('--redis', redis),
  };
}

function processesFrom(text: string): number | 'cpus' {
  if (text === 'cpus') return text;
  const count = Number(text);
  if (/^\d{1,4}$/.test(text) && count >= 1 && count <= MAX_PROCESSES) return count;
  throw new ArgumentError(
    `--processes must be a number from 1 to ${MAX_PROCESSES} or cpus, not ${JSON.stringify(text)}`,
  );
}

function redisFrom(source: string, text: string | undefined): URL | undefined {
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && url.hostname !== '' && ['redis:', 'rediss:'].includes(url.protocol)) return url;
  // The text may contain a password.
  throw new ArgumentError(`${source} must be the address of a Redis server, such as redis://127.0.0.1:6379`);
}

function portFrom(source: string, text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new ArgumentError(`${source} must be a number from 0 to 65535, not ${JSON.stringify(text)}`);
}

function urlFrom(program: 'selector' | 'fetch', text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const protocols = program === 'selector' ? ['http:'] : ['http:', 'https:'];
  if (url !== undefined && protocols.includes(url.protocol)) return url;
  const kinds = protocols.map((protocol) => `${protocol}//`).join(' or ');
  throw new ArgumentError(
    `${program} takes an address that starts with ${kinds}, not ${JSON.stringify(text)}`,
  );
}
