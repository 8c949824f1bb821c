import { HTTPHeaders, type JsonObject, STATUS_REASONS } from '@landspout/http1';
import type { HTTPHeadersInit } from '@landspout/http1/protocol';
import { ArgumentChecks, CodedError, type OptionNames } from '@landspout/ioloop/errors';

/** Everything that this package throws by itself. What must not reach the wire is an `Http1UsageError`. */
export const WEB_ERRORS = {
  ERR_WEB_HTTP: { meaning: 'A handler refuses its request with the status that the error carries.' },
  ERR_WEB_MISSING_ARGUMENT: { meaning: 'The request lacks an argument that the handler cannot do without.' },
  ERR_WEB_FINISH: { meaning: 'A handler ends its answer as it stands; caught before anybody sees it.' },
  ERR_WEB_USAGE: { meaning: 'An argument of the call is wrong.' },
  ERR_WEB_FINISHED: { meaning: 'The answer was complete, or given away by detach, before the call.' },
  ERR_WEB_HEAD_SENT: { meaning: 'Status and headers were sent before the call, and can no longer change.' },
  ERR_WEB_BODY_FORBIDDEN: { meaning: 'A body was written for a status that must not have one.' },
  ERR_WEB_ROUTE: {
    meaning: 'A route that no request could reach, or no handler serve; the application was not made.',
  },
  ERR_WEB_REVERSE: { meaning: 'No URL can be made: unknown name, wrong arguments, or a pattern too free.' },
} as const satisfies Record<string, { meaning: string }>;

export type WebErrorCode = keyof typeof WEB_ERRORS;

/** The codes that name a mistake of the program. */
export type WebUsageErrorCode = Exclude<
  WebErrorCode,
  'ERR_WEB_HTTP' | 'ERR_WEB_MISSING_ARGUMENT' | 'ERR_WEB_FINISH'
>;

/** The program asked for something that cannot be. Nothing of the refused call was done or written. */
export class WebUsageError extends CodedError<WebUsageErrorCode> {
  override readonly name = 'WebUsageError';
}

/** The checks of settings, options and arguments of this package. */
export const webChecks = new ArgumentChecks((problem) => new WebUsageError('ERR_WEB_USAGE', problem));

export interface HTTPErrorOptions extends ErrorOptions {
  /** Replaces the registered phrase of the status. The peer sees it, escaped where it is shown. */
  readonly reason?: string;
  /** Headers that belong to the refusal, such as `Allow` or `Retry-After`; set over the default ones. */
  readonly headers?: HTTPHeadersInit;
}

const HTTP_ERROR_OPTIONS: OptionNames<HTTPErrorOptions> = { reason: true, headers: true, cause: true };

/**
 * Refuses a request: thrown by a handler, it becomes an answer with this status and the page of
 * `RequestHandler.writeError`. Any other error becomes a 500.
 *
 * @example
 * throw new HTTPError(403, `${user} may not see this`);
 */
export class HTTPError extends CodedError<'ERR_WEB_HTTP' | 'ERR_WEB_MISSING_ARGUMENT'> {
  override readonly name: string = 'HTTPError';

  /** 400 to 599. */
  readonly status: number;
  /** For the log, never for the peer. Without one, a status under 500 is not logged. */
  readonly logMessage: string | undefined;
  readonly reason: string | undefined;
  readonly headers: HTTPHeadersInit | undefined;

  /** @throws WebUsageError `ERR_WEB_USAGE` for a status that is no refusal. */
  constructor(
    status: number,
    logMessage?: string,
    options: HTTPErrorOptions = {},
    code: 'ERR_WEB_HTTP' | 'ERR_WEB_MISSING_ARGUMENT' = 'ERR_WEB_HTTP',
  ) {
    webChecks.wholeNumber('HTTPError', 'status', status, 400, 599);
    webChecks.options('HTTPError', options, HTTP_ERROR_OPTIONS);
    const summary = `${status} ${options.reason ?? STATUS_REASONS[status] ?? 'Unknown'}`;
    super(code, logMessage === undefined ? summary : `${summary}: ${logMessage}`, options);
    this.status = status;
    this.logMessage = logMessage;
    this.reason = options.reason;
    this.headers = options.headers;
  }

  /** {@link headers} as pairs. */
  extraHeaders(): [string, string][] {
    return this.headers === undefined ? [] : HTTPHeaders.from(this.headers).getAll();
  }
}

/** The request lacks an argument. Becomes a 400 unless it is caught. */
export class MissingArgumentError extends HTTPError {
  override readonly name = 'MissingArgumentError';

  /** The argument's name. */
  readonly argument: string;

  constructor(argument: string) {
    super(400, `missing argument ${JSON.stringify(argument)}`, {}, 'ERR_WEB_MISSING_ARGUMENT');
    this.argument = argument;
  }
}

/** Text is sent as UTF-8; an object as JSON. Bytes belong to the response from here on. */
export type Chunk = string | Uint8Array | JsonObject;

/**
 * Ends the answer as it stands, without an error page: status, headers and what was written are sent. For leaving
 * a handler from deep inside; where `finish` can be called, call that.
 */
export class Finish extends CodedError<'ERR_WEB_FINISH'> {
  override readonly name = 'Finish';

  /** Written last, as by `RequestHandler.finish`. */
  readonly chunk: Chunk | undefined;

  constructor(chunk?: Chunk) {
    super('ERR_WEB_FINISH', 'the answer is complete');
    this.chunk = chunk;
  }
}
