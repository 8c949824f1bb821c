// Fetches several URLs at once, with limits, and prints for each URL the response or what went wrong.
// Run: node fetch.ts https://example.com/ http://127.0.0.1:1/ http://no-such-host.invalid/
import {
  AsyncHTTPClient,
  HTTPClientError,
  HTTPClientLimitError,
  HTTPConnectError,
  HTTPTimeoutError,
} from 'landspout';
import { HTTPClientUsageError } from 'landspout/httpclient';

const client = new AsyncHTTPClient({
  maxConnections: 20,
  maxConnectionsPerOrigin: 2, // further requests to the same server wait in a queue
  defaults: { connectTimeoutMs: 5_000, requestTimeoutMs: 5_000, maxBodyBytes: 1024 * 1024 },
});

/** Fetches one URL and describes the result in one line. */
async function report(url: string): Promise<string> {
  try {
    const { status, body, timings } = await client.fetch(url);
    return `${status}, ${body.byteLength} bytes in ${Math.round(timings.totalMs)} ms`;
  } catch (error) {
    return problem(error);
  }
}

/** Describes an error by its class. Any other class is a bug in this program. */
function problem(error: unknown): string {
  if (error instanceof HTTPTimeoutError) return `too slow: timed out in phase "${error.phase}"`;
  if (error instanceof HTTPConnectError) return `no connection: ${error.cause}`;
  if (error instanceof HTTPClientLimitError) return `over a limit: ${error.code}`;
  if (error instanceof HTTPClientError) return `status ${error.status}, ${error.code}`;
  if (error instanceof HTTPClientUsageError) return `nothing was sent: ${error.message}`;
  throw error;
}

const urls = process.argv.slice(2);
if (urls.length === 0) console.log('usage: node fetch.ts URL...');
await Promise.all(urls.map(async (url) => console.log(`${url}: ${await report(url)}`)));
await client.close();
