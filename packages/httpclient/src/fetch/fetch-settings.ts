import type { HTTPRequest, RequestDefaults, RequestOptions } from '../request/http-request.ts';
import { clientChecks } from '../request/usage.ts';

const DEFAULT_TIMEOUT_MS = 20_000;
const DEFAULT_MAX_BODY_BYTES = 100 * 1024 * 1024;
const DEFAULT_MAX_REDIRECTS = 5;

/** The checked options of a fetch that do not depend on its URL, with all defaults. */
export interface FetchSettings {
  /** 0 for no limit, as in {@link requestTimeoutMs}. */
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** 0 for no limit of its own. */
  readonly headersTimeoutMs: number;
  /** The limit for waiting in the queue, and separately for connecting: the shorter of the two, ignoring zeros. */
  readonly connectLimitMs: number;
  readonly maxBodyBytes: number;
  readonly raiseError: boolean;
  readonly followRedirects: boolean;
  readonly maxRedirects: number;
  readonly decompressResponse: boolean;
  readonly userAgent: string;
  readonly expectContinue: boolean;
}

/** @throws HTTPClientUsageError if an option is invalid. */
export function settingsOf(options: RequestOptions, defaults: RequestDefaults): FetchSettings {
  const connectTimeoutMs = timeout('connectTimeoutMs', options.connectTimeoutMs ?? defaults.connectTimeoutMs);
  const requestTimeoutMs = timeout('requestTimeoutMs', options.requestTimeoutMs ?? defaults.requestTimeoutMs);
  const headersTimeoutMs = timeout(
    'headersTimeoutMs',
    options.headersTimeoutMs ?? defaults.headersTimeoutMs ?? 0,
  );
  return {
    connectTimeoutMs,
    requestTimeoutMs,
    headersTimeoutMs,
    connectLimitMs: shorterLimit(connectTimeoutMs, requestTimeoutMs),
    maxBodyBytes: clientChecks.wholeNumber(
      'fetch',
      'maxBodyBytes',
      options.maxBodyBytes ?? defaults.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
    ),
    maxRedirects: clientChecks.wholeNumber(
      'fetch',
      'maxRedirects',
      options.maxRedirects ?? defaults.maxRedirects ?? DEFAULT_MAX_REDIRECTS,
    ),
    raiseError: options.raiseError ?? defaults.raiseError ?? true,
    followRedirects: options.followRedirects ?? defaults.followRedirects ?? true,
    decompressResponse: options.decompressResponse ?? defaults.decompressResponse ?? true,
    userAgent: options.userAgent ?? defaults.userAgent ?? 'Landspout',
    expectContinue: options.expectContinue ?? false,
  };
}

/** Returns the shorter of two limits; 0 is no limit. */
export function shorterLimit(a: number, b: number): number {
  return a === 0 || b === 0 ? a + b : Math.min(a, b);
}

/** @returns milliseconds; 0 for no limit. */
function timeout(name: string, value = DEFAULT_TIMEOUT_MS): number {
  return clientChecks.durationMs('fetch', name, value);
}

/** Whether a request has none of the options that affect its head or its connection. */
export function isPlain({ options, method }: HTTPRequest): boolean {
  return (
    method === 'GET' &&
    options.headers === undefined &&
    options.body === undefined &&
    options.json === undefined &&
    options.bodyProducer === undefined &&
    options.basicAuth === undefined &&
    options.digestAuth === undefined &&
    options.ifModifiedSince === undefined &&
    options.userAgent === undefined &&
    options.decompressResponse === undefined &&
    options.expectContinue === undefined &&
    options.tls === undefined &&
    options.family === undefined &&
    options.localAddress === undefined &&
    options.socketPath === undefined &&
    options.proxy === undefined
  );
}
