// Converts between a handler and the `Request` and `Response` of the Fetch standard, for libraries that know only those.
import type { RequestHandler } from 'landspout';

/** A handler for any pattern and settings. */
type AnyHandler = RequestHandler<string, object>;

/** Headers that describe a connection rather than a response (RFC 9110 §7.6.1). */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding']);

/** Makes a `Request` of a request that was received whole. Its signal aborts when the client disconnects. */
export function toFetchRequest({ request, signal }: AnyHandler): Request {
  const { method, headers, body } = request;
  const hasBody = method !== 'GET' && method !== 'HEAD';
  return new Request(request.fullUrl(), {
    method,
    headers: headers.toFetch(),
    signal,
    ...(hasBody ? { body: new Uint8Array(body) } : {}),
  });
}

/**
 * Sends a `Response`. Its body is read no faster than the client reads, and cancelled if the client disconnects. An event
 * stream is also ended when the server stops, between two events, so that the client connects to the next process.
 *
 * @returns a promise that resolves when all of it has been written.
 */
export async function sendFetchResponse(handler: AnyHandler, response: Response): Promise<void> {
  const type = response.headers.get('Content-Type');
  if (type === 'text/event-stream') return await handler.eventStream(response);
  handler.setStatus(response.status, response.statusText);
  handler.clearHeader('Content-Type');
  for (const [name, value] of response.headers) {
    if (!CONNECTION_HEADERS.has(name)) handler.addHeader(name, value);
  }
  if (response.body === null) return;
  const reader = response.body.getReader();
  const cancel = (): void => {
    reader.cancel(handler.signal.reason).catch(() => {}); // the body failed: nothing is left to cancel
  };
  handler.signal.addEventListener('abort', cancel, { once: true });
  try {
    await handler.flush(); // the client gets the headers before there is a body
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      handler.write(part.value);
      await handler.flush();
    }
  } finally {
    handler.signal.removeEventListener('abort', cancel);
    cancel();
  }
}
