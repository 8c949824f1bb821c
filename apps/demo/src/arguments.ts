import { parseArgs } from 'node:util';

export const USAGE =
  'usage: pnpm demo [chat|selector|fetch] [--port N] [--host ADDRESS] [--data FOLDER] [url]';

const DEFAULT_PORT = 8888;
/** Reachable from this machine only, unless `--host` is set. */
const DEFAULT_HOST = '127.0.0.1';

/** The parsed command line. */
export type Command =
  | { readonly kind: 'help' }
  | {
      readonly kind: 'chat';
      readonly port: number;
      readonly host: string;
      /** The folder for what outlives a restart; undefined for the default. */
      readonly data: string | undefined;
    }
  | { readonly kind: 'selector' | 'fetch'; readonly url: URL | undefined };

/** The command line or PORT is invalid. The message is one line, written for the user. */
export class ArgumentError extends Error {
  override readonly name = 'ArgumentError';
}

/**
 * Parses the command line.
 *
 * @param args - without the path of node and of the program.
 * @param environment - PORT is the default for `--port`.
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
    case 'chat': {
      if (rest.length > 0) throw new ArgumentError(`chat takes no ${JSON.stringify(rest[0])}; ${USAGE}`);
      const port =
        values.port === undefined
          ? portFrom('PORT', environment.PORT || `${DEFAULT_PORT}`)
          : portFrom('--port', values.port);
      if (values.data === '') throw new ArgumentError('--data must name a folder, not ""');
      return { kind: 'chat', port, host: values.host ?? DEFAULT_HOST, data: values.data };
    }
    case 'selector':
    case 'fetch': {
      if (values.port !== undefined || values.host !== undefined || values.data !== undefined) {
        throw new ArgumentError(`--port, --host and --data are for chat; ${name} takes the address to fetch`);
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
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    const [firstLine = ''] = (error as Error).message.split('\n');
    throw new ArgumentError(`${firstLine.replace(/\. To specify.*$/, '')}; ${USAGE}`);
  }
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
