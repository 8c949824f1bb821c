import { shownText } from '@landspout/ioloop/errors';
import { type Argument, type OptionTable, splitArguments, WrongUsage } from './wrong-usage.ts';

export const FETCH_HELP = `usage: landspout fetch [options] URL

Fetches an http or https URL and prints the body of the response.

Request:
  -X, --method METHOD        default: GET, or POST with --data or --json; any method may have a body
  -H, --header "NAME: VALUE" may be repeated
  -d, --data TEXT            the body; @FILE reads it from a file, @- from standard input. Several texts
                             are joined with "&"
      --json TEXT            like --data, and sends and accepts application/json
  -u, --user NAME:PASSWORD   credentials for basic authentication, or with --digest for digest authentication
      --digest

Connection:
      --proxy URL            http:, https: or socks5: proxy. Default: the proxies named by http_proxy,
                             https_proxy, all_proxy and no_proxy
      --no-proxy             ignores these variables
      --unix-socket PATH     connects to a Unix socket instead of the host
      --no-validate-cert     accepts any certificate
      --ca-file FILE         trusts the certificate authorities in a PEM file
      --timeout SECONDS      limit for the whole request, which may be a fraction; 0 means no limit.
                             Default: 20 s for connecting, and no limit for the rest
      --no-follow-redirects  default: follows up to 5 redirects

Response:
      --print-headers        prints the status line and the headers before the body
      --no-print-body
      --no-decompress        leaves the body as it was sent. Default: decodes gzip, deflate, br and zstd
      --max-bytes N          limit for the size of the body, decoded. Default: no limit
  -o, --output FILE          saves the body; the file appears when it is complete. "-" is standard output
      --no-raise-error       treats every status as a success
      --timings              prints how long each phase took, to standard error
  -h, --help

Switches that are on by default may be written out, such as --print-body; the last one counts.

Exit codes:
  0   the status was 2xx, or the reader of standard output wanted no more
  1   there was no complete response, or it could not be written
  2   wrong usage; nothing was sent
  22  the status was not 2xx (redirects that are not followed and 304 included). The body is printed, but
      not saved to the file of --output
After SIGINT or SIGTERM, the command removes the unfinished file and ends by that signal.
`;

/** Where the body of a request comes from. */
export type DataSource =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stdin' };

/** The parsed command line of `landspout fetch`. */
export interface FetchArguments {
  readonly url: string;
  /** Undefined if the command line does not say. */
  readonly method: string | undefined;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly data: DataSource | undefined;
  /** Whether the data is JSON. */
  readonly isJson: boolean;
  readonly user: { readonly username: string; readonly password: string } | undefined;
  readonly isDigest: boolean;
  /** A URL; false for none; undefined for those of the environment. */
  readonly proxy: string | false | undefined;
  readonly socketPath: string | undefined;
  readonly validateCert: boolean;
  readonly caFile: string | undefined;
  /** 0 means no limit. */
  readonly timeoutMs: number | undefined;
  readonly maxBytes: number | undefined;
  /** Undefined for standard output. */
  readonly output: string | undefined;
  readonly followRedirects: boolean;
  readonly printHeaders: boolean;
  readonly printBody: boolean;
  readonly decompress: boolean;
  readonly raiseError: boolean;
  readonly timings: boolean;
}

/** The longest timeout that the client accepts. */
const MAX_TIMEOUT_SECONDS = 2_147_483;

/** Characters that no header may contain, except the tab. */
const UNSENDABLE = /[^\t\x20-\x7e\x80-\xff]/;

/** Switches and their defaults. Each also exists with `no-` before its name. */
const SWITCHES = {
  'print-headers': false,
  'print-body': true,
  'follow-redirects': true,
  'validate-cert': true,
  'raise-error': true,
  decompress: true,
} as const;
/** Switches that are not negated. */
const FLAGS = ['digest', 'no-proxy', 'timings'];
const SHORT_VALUES = { method: 'X', header: 'H', data: 'd', user: 'u', output: 'o' } as const;
const VALUES = ['json', 'proxy', 'unix-socket', 'ca-file', 'timeout', 'max-bytes'];

const OPTIONS: OptionTable = Object.fromEntries([
  ...Object.entries(SHORT_VALUES).map(([name, short]) => [name, { type: 'string', short }] as const),
  ...VALUES.map((name) => [name, { type: 'string' }] as const),
  ...FLAGS.map((name) => [name, { type: 'boolean' }] as const),
  ...Object.keys(SWITCHES).flatMap((name) =>
    [name, `no-${name}`].map((switched) => [switched, { type: 'boolean' }] as const),
  ),
  ['help', { type: 'boolean', short: 'h' }],
]);

/**
 * Parses the command line of `landspout fetch`.
 *
 * @param args - what follows `fetch`.
 * @returns undefined if help is wanted.
 * @throws WrongUsage
 */
export function parseFetchArguments(args: readonly string[]): FetchArguments | undefined {
  const given = splitArguments(args, OPTIONS);
  if (given.some((argument) => argument.kind === 'option' && argument.name === 'help')) return undefined;
  const isSet = (name: string) => allOf(given, name).length > 0;
  const last = (name: string) => allOf(given, name).at(-1);
  const isJson = isSet('json');
  if (isJson && isSet('data')) throw new WrongUsage('--data and --json: give one of them');
  if (isSet('proxy') && isSet('no-proxy')) throw new WrongUsage('--proxy and --no-proxy: give one of them');
  if (isSet('proxy') && isSet('unix-socket'))
    throw new WrongUsage('--proxy and --unix-socket: give one of them');
  const user = userFrom(last('user'));
  if (isSet('digest') && user === undefined) throw new WrongUsage('--digest needs --user NAME:PASSWORD');
  const output = last('output');
  return {
    url: urlOf(given),
    method: last('method'),
    headers: allOf(given, 'header').map(headerFrom),
    data: dataFrom(isJson ? '--json' : '--data', allOf(given, isJson ? 'json' : 'data')),
    isJson,
    user,
    isDigest: isSet('digest'),
    proxy: isSet('no-proxy') ? false : last('proxy'),
    socketPath: last('unix-socket'),
    validateCert: isOn(given, 'validate-cert'),
    caFile: last('ca-file'),
    timeoutMs: timeoutFrom(last('timeout')),
    maxBytes: maxBytesFrom(last('max-bytes')),
    output: output === '-' ? undefined : output,
    followRedirects: isOn(given, 'follow-redirects'),
    printHeaders: isOn(given, 'print-headers'),
    printBody: isOn(given, 'print-body'),
    decompress: isOn(given, 'decompress'),
    raiseError: isOn(given, 'raise-error'),
    timings: isSet('timings'),
  };
}

/** The values of an option, in order; those of a flag are empty. */
function allOf(given: readonly Argument[], name: string): string[] {
  return given.flatMap((argument) => {
    if (argument.kind !== 'option' || argument.name !== name) return [];
    if (argument.value === '' && name !== 'data' && name !== 'json')
      throw new WrongUsage(`--${name} must not be empty`);
    return [argument.value ?? ''];
  });
}

function isOn(given: readonly Argument[], name: keyof typeof SWITCHES): boolean {
  const names = given.map((argument) => (argument.kind === 'option' ? argument.name : ''));
  const [on, off] = [names.lastIndexOf(name), names.lastIndexOf(`no-${name}`)];
  return on === off ? SWITCHES[name] : on > off;
}

function urlOf(given: readonly Argument[]): string {
  const urls = given.filter((argument) => argument.kind === 'positional');
  const [url] = urls;
  if (url === undefined) throw new WrongUsage('the URL is missing');
  if (urls.length > 1) throw new WrongUsage(`one URL was expected, got ${urls.length} arguments`);
  return url.value as string;
}

function headerFrom(line: string): readonly [string, string] {
  const colon = line.indexOf(':');
  // The value is never shown: it may be a credential. The client, which shows it, would refuse it later.
  if (colon < 1) throw new WrongUsage('--header must have the form "NAME: VALUE"');
  if (UNSENDABLE.test(line))
    throw new WrongUsage('--header must not contain control characters or characters above U+00FF');
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

function dataFrom(option: string, values: readonly string[]): DataSource | undefined {
  const [first] = values;
  if (first === undefined) return undefined;
  if (!values.some((value) => value.startsWith('@'))) return { kind: 'text', text: values.join('&') };
  if (values.length > 1) throw new WrongUsage(`${option} @FILE cannot be combined with other data`);
  if (first === '@') throw new WrongUsage(`${option} @FILE: the name of the file is missing`);
  return first === '@-' ? { kind: 'stdin' } : { kind: 'file', path: first.slice(1) };
}

function userFrom(text: string | undefined): FetchArguments['user'] {
  if (text === undefined) return undefined;
  const colon = text.indexOf(':');
  if (colon < 0) throw new WrongUsage('--user must have the form NAME:PASSWORD');
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function timeoutFrom(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || seconds > MAX_TIMEOUT_SECONDS)
    throw new WrongUsage(
      `--timeout must be a number of seconds from 0 to ${MAX_TIMEOUT_SECONDS}, got ${shownText(text)}`,
    );
  return Math.ceil(seconds * 1000);
}

function maxBytesFrom(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(bytes))
    throw new WrongUsage(`--max-bytes must be a whole number, got ${shownText(text)}`);
  return bytes;
}
