// Runs one coroutine on the loop until it ends: the smallest program with the HTTP client.
import { AsyncHTTPClient, IOLoop } from 'landspout';

/** Fetches a page and prints its size. */
export async function runFetch(url: URL): Promise<void> {
  await using client = new AsyncHTTPClient();
  const response = await IOLoop.current().run(() => client.fetch(url), { timeoutMs: 30_000 });
  console.log(`${response.body.byteLength} bytes from ${response.effectiveUrl}`);
}
