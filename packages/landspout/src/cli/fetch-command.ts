import { isatty } from 'node:tty';
import {
  AsyncHTTPClient,
  EnvironmentProxies,
  HTTPClientUsageError,
  type HTTPStreamedResponse,
  type HTTPTimings,
  type RequestOptions,
} from '@landspout/httpclient';
import { printBody, saveBody } from './body-target.ts';
import { failureLine, statusLine } from './failure-line.ts';
import { FETCH_HELP, type FetchArguments, parseFetchArguments } from './fetch-arguments.ts';
import { ProgressLine } from './progress-line.ts';
import { requestData } from './request-data.ts';
import { complain, OutputClosed, writeOutput } from './standard-output.ts';
import { type Command, EXIT } from './wrong-usage.ts';

const STDERR = 2;
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const CONNECT_TIMEOUT_MS = 20_000;

/** The HTTP version of a response, which only its head has. */
interface SeenHead {
  version: string;
}

/** The number of milliseconds, as it is printed by `--timings`. */
const PHASES: readonly (readonly [label: string, name: keyof HTTPTimings])[] = [
  ['redirects', 'redirectMs'],
  ['queue', 'queueMs'],
  ['dns', 'dnsMs'],
  ['connect', 'connectMs'],
  ['tls', 'tlsMs'],
  ['send', 'sendMs'],
  ['first byte', 'firstByteMs'],
  ['total', 'totalMs'],
];

/** `landspout fetch`. Prints errors to standard error. */
export const command: Command = {
  help: FETCH_HELP,
  async run(args) {
    const wanted = parseFetchArguments(args);
    if (wanted === undefined) return 'help';
    const { signal, ended } = abortOnSignals();
    const code = await runFetch(wanted, signal);
    ended();
    return code;
  },
};

/** @param signal - aborts the request; the unfinished file is then removed. */
async function runFetch(wanted: FetchArguments, signal: AbortSignal): Promise<number> {
  const client = new AsyncHTTPClient();
  try {
    return await fetchOnce(client, wanted, signal);
  } catch (error) {
    if (error instanceof OutputClosed) return EXIT.success;
    if (signal.aborted) return EXIT.failure;
    complain('fetch', failureLine(error));
    return error instanceof HTTPClientUsageError ? EXIT.wrongUsage : EXIT.failure;
  } finally {
    await client.close();
  }
}

async function fetchOnce(
  client: AsyncHTTPClient,
  wanted: FetchArguments,
  signal: AbortSignal,
): Promise<number> {
  const seen: SeenHead = { version: 'HTTP/1.1' };
  const options = await requestOptions(wanted, seen, signal);
  await using response = await client.stream(wanted.url, options);
  if (wanted.printHeaders) await writeOutput(headBytes(response, seen));
  const isFailure = wanted.raiseError && !response.ok;
  await passOnBody(response, wanted, isFailure, signal);
  if (wanted.timings) process.stderr.write(timingsText(response.timings));
  if (!isFailure) return EXIT.success;
  complain('fetch', statusLine(response.request.method, response));
  return EXIT.status;
}

async function requestOptions(
  wanted: FetchArguments,
  seen: SeenHead,
  signal: AbortSignal,
): Promise<RequestOptions> {
  const { method = wanted.data === undefined ? 'GET' : 'POST', user, timeoutMs } = wanted;
  const data = wanted.data === undefined ? undefined : await requestData(wanted.data);
  const headers = [...wanted.headers];
  const addWhereMissing = (name: string, value: string) => {
    if (!headers.some(([own]) => own.toLowerCase() === name.toLowerCase())) headers.push([name, value]);
  };
  if (wanted.isJson) {
    addWhereMissing('Content-Type', 'application/json');
    addWhereMissing('Accept', 'application/json');
  }
  if (data?.bodyBytes !== undefined) addWhereMissing('Content-Length', String(data.bodyBytes));
  return {
    method,
    headers,
    ...data?.options,
    allowNonstandardMethods: true,
    ...(user === undefined ? {} : wanted.isDigest ? { digestAuth: user } : { basicAuth: user }),
    // The proxies of the environment are not even read for a Unix socket.
    ...(wanted.socketPath === undefined
      ? { proxy: wanted.proxy ?? new EnvironmentProxies() }
      : { socketPath: wanted.socketPath }),
    tls: {
      rejectUnauthorized: wanted.validateCert,
      ...(wanted.caFile === undefined ? {} : { caFile: wanted.caFile }),
    },
    connectTimeoutMs: timeoutMs ?? CONNECT_TIMEOUT_MS,
    requestTimeoutMs: timeoutMs ?? 0,
    maxBodyBytes: wanted.maxBytes ?? Number.MAX_SAFE_INTEGER,
    followRedirects: wanted.followRedirects,
    decompressResponse: wanted.decompress,
    raiseError: false,
    onHead: ({ version }) => {
      seen.version = version;
    },
    signal,
  };
}

/** The status line and the fields as they were received, in Latin-1. */
function headBytes({ status, reason, headers }: HTTPStreamedResponse, { version }: SeenHead): Uint8Array {
  const fields = [...headers].map(([name, value]) => `${name}: ${value}\n`);
  return Buffer.from(`${`${version} ${status} ${reason}`.trimEnd()}\n${fields.join('')}\n`, 'latin1');
}

/** The body of a failure is not saved: a page that says "not found" is not the file that was asked for. */
async function passOnBody(
  response: HTTPStreamedResponse,
  { printBody: isPrinted, output }: FetchArguments,
  isFailure: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (output !== undefined && !isFailure) {
    const progress = isatty(STDERR) ? new ProgressLine(process.stderr, () => performance.now()) : undefined;
    try {
      await saveBody(response, output, progress === undefined ? undefined : (state) => progress.show(state));
    } finally {
      progress?.end();
    }
  } else if (isPrinted) {
    await abortable(printBody(response), signal);
  }
}

/** A reader of standard output that does not read must not hold up the end by a signal. */
function abortable(printing: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    printing.then(resolve, reject);
  });
}

function timingsText(timings: HTTPTimings): string {
  return PHASES.map(
    ([label, name]) => `${label.padEnd(10)} ${timings[name].toFixed(1).padStart(9)} ms\n`,
  ).join('');
}

/**
 * Aborts on the first SIGINT or SIGTERM; a second one ends the process at once. `ended` ends the process by the signal
 * that it received, so that a shell that runs several commands stops too.
 */
function abortOnSignals(): { readonly signal: AbortSignal; readonly ended: () => void } {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const onSignal = (name: NodeJS.Signals) => {
    received = name;
    removeListeners();
    controller.abort(new Error(`received ${name}`));
  };
  const removeListeners = () => {
    for (const name of SIGNALS) process.removeListener(name, onSignal);
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  const ended = () => {
    removeListeners();
    if (received !== undefined) process.kill(process.pid, received);
  };
  return { signal: controller.signal, ended };
}
