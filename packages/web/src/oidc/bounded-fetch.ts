import type { Clock } from '@landspout/ioloop';
import { ProviderFetchError } from './provider-failure.ts';

/** What requests to a provider are limited to. */
export interface FetchLimits {
  /** For the whole response, in milliseconds. */
  readonly timeoutMs: number;
  /** Of the body, decompressed. */
  readonly maxBytes: number;
  readonly clock: Clock;
}

/** A `fetch` whose response has been read completely. */
export type BoundedFetch = (url: string, init: RequestInit) => Promise<Response>;

/** The only headers of a response that are looked at. */
const KEPT_HEADERS = ['content-type', 'www-authenticate'];
/** A status without a body, for which `Response` refuses one. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * Wraps a `fetch` so that a provider which responds slowly, endlessly or with a redirect cannot hold a request or the
 * memory. Redirects are not followed: they would take credentials to another host. It rejects with ProviderFetchError
 * only, and ignores the signal of the caller, whose timeout is longer.
 */
export function boundedFetch(fetch: typeof globalThis.fetch, limits: FetchLimits): BoundedFetch {
  return async (url, init) => {
    const controller = new AbortController();
    const expired = new Promise<never>((_resolve, reject) => {
      controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true });
    });
    expired.catch(() => undefined); // nothing may be waiting when the timer fires
    const timer = limits.clock.setTimeout(() => {
      const message = `no complete response within ${limits.timeoutMs} ms`;
      controller.abort(new ProviderFetchError('ERR_SIGN_IN_UNREACHABLE', message));
    }, limits.timeoutMs);
    try {
      return await readWhole(
        fetch,
        url,
        { ...init, redirect: 'manual', signal: controller.signal },
        expired,
        limits,
      );
    } catch (cause) {
      if (cause instanceof ProviderFetchError) throw cause;
      throw new ProviderFetchError('ERR_SIGN_IN_UNREACHABLE', 'the request failed', { cause });
    } finally {
      timer.cancel();
    }
  };
}

async function readWhole(
  fetch: typeof globalThis.fetch,
  url: string,
  init: RequestInit,
  expired: Promise<never>,
  { maxBytes }: FetchLimits,
): Promise<Response> {
  const pending = fetch(url, init);
  let response: Response;
  try {
    response = await Promise.race([pending, expired]);
  } catch (error) {
    // A `fetch` that ignores the signal may still get its response.
    pending.then(({ body }) => body?.cancel()).catch(() => undefined);
    throw error;
  }
  const body = await bodyOf(response, expired, maxBytes);
  const { status } = response;
  if (!(status >= 200 && status <= 599)) {
    throw new ProviderFetchError('ERR_SIGN_IN_RESPONSE', `unexpected status ${status}`);
  }
  const headers = KEPT_HEADERS.flatMap((name) => {
    const value = response.headers.get(name);
    return value === null ? [] : [[name, value] as [string, string]];
  });
  return new Response(BODILESS.has(status) ? null : body, { status, headers });
}

async function bodyOf(
  response: Response,
  expired: Promise<never>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = response.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), expired]);
      if (done) return new Uint8Array(Buffer.concat(chunks));
      bytes += value.byteLength;
      if (bytes > maxBytes) {
        throw new ProviderFetchError('ERR_SIGN_IN_RESPONSE', `the response has more than ${maxBytes} bytes`);
      }
      chunks.push(value);
    }
  } finally {
    // Does nothing if the body was read to its end.
    reader.cancel().catch(() => undefined);
  }
}
