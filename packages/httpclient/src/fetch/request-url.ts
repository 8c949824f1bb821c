import { type AbsoluteUrl, Http1UsageError, parseAbsoluteUrl } from '@landspout/http1/protocol';
import { HTTPClientUsageError } from '../errors.ts';

const DEFAULT_PORTS = { http: 80, https: 443 };

/** @throws HTTPClientUsageError `ERR_HTTPCLIENT_URL`, or `ERR_HTTPCLIENT_SCHEME`. */
export function parseRequestUrl(text: string): AbsoluteUrl {
  try {
    return parseAbsoluteUrl(text, DEFAULT_PORTS);
  } catch (error) {
    if (!(error instanceof Http1UsageError)) throw error;
    const code = error.code === 'ERR_HTTP1_URL_SCHEME' ? 'ERR_HTTPCLIENT_SCHEME' : 'ERR_HTTPCLIENT_URL';
    throw new HTTPClientUsageError(code, `fetch: ${error.message}`, { cause: error });
  }
}
