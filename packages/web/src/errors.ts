import { HTTPHeaders, type JsonObject, STATUS_REASONS } from '@landspout/http1';
import type { HTTPHeadersInit } from '@landspout/http1/protocol';
import { ArgumentChecks, CodedError, type OptionNames } from '@landspout/ioloop/errors';
import { reportRejection } from '@landspout/ioloop/reactor';

/**
 * Errors that this package itself throws. A header that HTTP does not allow results in an `Http1UsageError` instead.
 */
export const WEB_ERRORS = {
  ERR_WEB_HTTP: { meaning: 'A handler refused the request; the response has the status of the error.' },
  ERR_WEB_MISSING_ARGUMENT: {
    meaning:
      'The request does not have an argument that the handler requires; unless it is caught, the response is a 400.',
  },
  ERR_WEB_FINISH: {
    meaning:
      'The handler ended its response early; the application catches this error and sends what was written.',
  },
  ERR_WEB_USAGE: { meaning: 'An argument of the call is invalid; see the message.' },
  ERR_WEB_FINISHED: {
    meaning: 'The call came too late: the response is already complete, or the connection was detached.',
  },
  ERR_WEB_HEAD_SENT: {
    meaning: 'The call came too late: status and headers have already been sent and can no longer change.',
  },
  ERR_WEB_BODY_FORBIDDEN: {
    meaning: 'A body was written for a status that must not have one, such as 204 or 304.',
  },
  ERR_WEB_ROUTE: {
    meaning:
      'A route can never match, its handler cannot serve a request, or its name is already used. The routes were not added.',
  },
  ERR_WEB_REVERSE: {
    meaning:
      'No URL can be built: the route name is unknown, the values do not fit, or the pattern is not reversible.',
  },
  ERR_WEB_TEMPLATE: {
    meaning:
      'A template is invalid, cannot be found, or threw; or one of `html` has a value at a place where no value can be safe.',
  },
  ERR_WEB_CATALOGUE: {
    meaning:
      'A catalogue of translations cannot be read, or is invalid; the message has the file and the line.',
  },
  ERR_WEB_TRANSLATION: {
    meaning: 'A placeholder of a translated message has no value, or one of the wrong type.',
  },
  ERR_WEB_MISSING_PEER: {
    meaning:
      'A subpath of the package was imported whose optional dependency is not installed; the message has the command.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type WebErrorCode = keyof typeof WEB_ERRORS;

/** The codes for mistakes in the program. */
export type WebUsageErrorCode = Exclude<
  WebErrorCode,
  'ERR_WEB_HTTP' | 'ERR_WEB_MISSING_ARGUMENT' | 'ERR_WEB_FINISH' | 'ERR_WEB_CATALOGUE'
>;

/** The program made an invalid call, which had no effect. */
export class WebUsageError extends CodedError<WebUsageErrorCode> {
  override readonly name = 'WebUsageError';
}

/**
 * Prevents an unhandled rejection of a promise that was passed where a value was expected. The caller throws an error
 * about the promise, so its later rejection must not end the process. Does nothing for other values, and never throws.
 */
export function disown(value: unknown): void {
  try {
    reportRejection(value, () => {});
  } catch {
    // The `then` of the value is a getter that throws.
  }
}

/** Checks of the settings, options and arguments of this package. */
export const webChecks = new ArgumentChecks((problem) => new WebUsageError('ERR_WEB_USAGE', problem));

export interface HTTPErrorOptions extends ErrorOptions {
  /** Replaces the registered reason phrase of the status. It is visible to the client, and escaped in error pages. */
  readonly reason?: string;
  /** A sentence for the client, which the error page shows. Default: none. */
  readonly detail?: string;
  /** Additional members of the problem document (RFC 9457) that clients which accept JSON receive. */
  readonly extensions?: JsonObject;
  /** Headers of the response, such as `Allow` or `Retry-After`. They replace default headers of the same name. */
  readonly headers?: HTTPHeadersInit;
}

const HTTP_ERROR_OPTIONS: OptionNames<HTTPErrorOptions> = {
  reason: true,
  detail: true,
  extensions: true,
  headers: true,
  cause: true,
};

/** The codes of an {@link HTTPError}. Those that begin with `ERR_SIGN_IN` are of `@landspout/web/oidc`. */
export type HTTPErrorCode = 'ERR_WEB_HTTP' | 'ERR_WEB_MISSING_ARGUMENT' | `ERR_SIGN_IN_${string}`;

/**
 * Refuses a request. Thrown by a handler, it becomes a response with this status and the page of
 * `RequestHandler.writeError`. Any other error becomes a 500.
 *
 * @example
 * throw new HTTPError(403, `${user} may not see this`);
 */
export class HTTPError<Code extends HTTPErrorCode = HTTPErrorCode> extends CodedError<Code> {
  override readonly name: string = 'HTTPError';

  /** 400 to 599. */
  readonly status: number;
  /** For the log; never sent to the client. Without it, a status below 500 is not logged. */
  readonly logMessage: string | undefined;
  readonly reason: string | undefined;
  readonly headers: HTTPHeadersInit | undefined;
  /** For the client. */
  readonly detail: string | undefined;
  readonly extensions: JsonObject | undefined;

  /** @throws WebUsageError `ERR_WEB_USAGE` if the status is not from 400 to 599. */
  constructor(
    status: number,
    logMessage?: string,
    options: HTTPErrorOptions = {},
    code: HTTPErrorCode = 'ERR_WEB_HTTP',
  ) {
    webChecks.wholeNumber('HTTPError', 'status', status, 400, 599);
    webChecks.options('HTTPError', options, HTTP_ERROR_OPTIONS);
    const summary = `${status} ${options.reason ?? STATUS_REASONS[status] ?? 'Unknown'}`;
    super(code as Code, logMessage === undefined ? summary : `${summary}: ${logMessage}`, options);
    this.status = status;
    this.logMessage = logMessage;
    this.reason = options.reason;
    this.headers = options.headers;
    this.detail = options.detail;
    this.extensions = options.extensions;
  }

  /** The {@link headers} as pairs of name and value. */
  extraHeaders(): [string, string][] {
    return this.headers === undefined ? [] : HTTPHeaders.from(this.headers).getAll();
  }
}

/**
 * Returns the status of the response to an error that a handler threw: that of an {@link HTTPError}, 501 if the
 * connection cannot be handed over (the HTTPDetachError of `toFetchHandler` and `toNodeHandler`), otherwise 500.
 */
export function statusOfError(error: unknown): number {
  if (error instanceof HTTPError) return error.status;
  // By its code, because its class belongs to a subpath that few applications load.
  return error instanceof CodedError && error.code === 'ERR_HTTP_DETACH' ? 501 : 500;
}

/** The request does not have a required argument. Results in a 400 unless it is caught. */
export class MissingArgumentError extends HTTPError<'ERR_WEB_MISSING_ARGUMENT'> {
  override readonly name = 'MissingArgumentError';

  /** The name of the argument. */
  readonly argument: string;

  /** @param hint - the reason why the request has no arguments at all, if it is known. */
  constructor(argument: string, hint?: string) {
    const detail = `The argument ${JSON.stringify(argument)} is missing${hint === undefined ? '' : `: ${hint}`}.`;
    const options = { detail };
    const logMessage = `missing argument ${JSON.stringify(argument)}${hint === undefined ? '' : `: ${hint}`}`;
    super(400, logMessage, options, 'ERR_WEB_MISSING_ARGUMENT');
    this.argument = argument;
  }
}

/** Data for the body: text is sent as UTF-8, an object as JSON. Bytes must not be modified after the call. */
export type Chunk = string | Uint8Array | JsonObject;

/**
 * Ends the response early, without an error page: status, headers and what was written are sent. Throw it to leave a
 * handler from a nested function; where you can call `finish`, do that instead.
 */
export class Finish extends CodedError<'ERR_WEB_FINISH'> {
  override readonly name = 'Finish';

  /** The last piece of the body, as in `RequestHandler.finish`. */
  readonly chunk: Chunk | undefined;

  constructor(chunk?: Chunk) {
    super('ERR_WEB_FINISH', 'the response is complete');
    this.chunk = chunk;
  }
}
