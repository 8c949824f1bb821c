// Crawls one site: ten workers take URLs from a queue, and put the links of each page into it. Links and redirects to
// other hosts are not followed. On a terminal, a line shows the progress.
// Run: node crawler.ts http://127.0.0.1:8888/ [most pages] [seconds]
import {
  AsyncHTTPClient,
  CodedError,
  HTTPClientError,
  LoopTimeoutError,
  PeriodicCallback,
  Queue,
} from 'landspout';

const WORKERS = 10;
const ERASE_LINE = '\r\x1b[2K';

const [start = 'http://127.0.0.1:8888/', maxPages = '10000', seconds = '600'] = process.argv.slice(2);
if (!URL.canParse(start) || !(Number(maxPages) >= 1) || !(Number(seconds) > 0)) {
  console.error('usage: node crawler.ts URL [most pages] [seconds]');
  process.exit(2);
}
const { href: startUrl, origin } = new URL(start);
const client = new AsyncHTTPClient({
  maxConnectionsPerOrigin: WORKERS,
  defaults: { requestTimeoutMs: 10_000, maxBodyBytes: 4 * 1024 * 1024 },
});
/** URLs that no worker has taken yet. It needs no limit of its own: no more than the most pages are ever put. */
const queue = new Queue<string>();
const seen = new Set<string>();
const stop = new AbortController();
const count = { fetched: 0, failed: 0 };
let isAtLimit = false;

/** Puts a URL into the queue, unless it has been there, belongs to another host, or is one too many. */
function enqueue(url: URL): void {
  url.hash = '';
  if (url.origin !== origin || seen.has(url.href)) return;
  isAtLimit = seen.size >= Number(maxPages);
  if (isAtLimit) return;
  seen.add(url.href);
  queue.putNowait(url.href);
}

/** Finds the links in a page. A pattern is enough for an example; other pages need a parser for HTML. */
function* linksIn(html: string, base: string): Generator<URL> {
  for (const [, doubly, singly] of html.matchAll(/<a\s[^>]*?\bhref=(?:"([^"]*)"|'([^']*)')/gi)) {
    const link = (doubly ?? singly ?? '').replaceAll('&amp;', '&');
    if (URL.canParse(link, base)) yield new URL(link, base);
  }
}

/** Fetches one page and enqueues its links. */
async function visit(url: string): Promise<void> {
  const response = await client.fetch(url, {
    signal: stop.signal,
    onRedirect: ({ location }) => new URL(location).origin === origin,
  });
  if (response.headers.get('Content-Type')?.startsWith('text/html') !== true) return;
  for (const link of linksIn(response.text(), response.effectiveUrl)) enqueue(link);
}

/** Visits pages until it is stopped. */
async function work(): Promise<void> {
  while (!stop.signal.aborted) {
    const url = await queue.get({ signal: stop.signal });
    try {
      await visit(url);
      count.fetched += 1;
      print(`fetched ${url}`);
    } catch (error) {
      stop.signal.throwIfAborted();
      count.failed += 1;
      print(`failed ${url}: ${problem(error)}`);
    }
    queue.taskDone();
  }
}

/** Describes an error of a fetch. Any other error is a bug in this program. */
function problem(error: unknown): string {
  if (error instanceof HTTPClientError && error.response !== undefined) return `status ${error.status}`;
  if (error instanceof CodedError) return error.message.includes(error.code) ? error.message : error.code;
  throw error;
}

function print(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(ERASE_LINE);
  console.log(line);
}

const progress = new PeriodicCallback(() => {
  const { fetched, failed } = count;
  process.stderr.write(`${ERASE_LINE}${fetched} fetched, ${failed} failed, ${queue.size} waiting`);
}, 100);
if (process.stderr.isTTY) progress.start();

enqueue(new URL(startUrl));
const workers = Promise.all(Array.from({ length: WORKERS }, work));
let isLate = false;
try {
  // A worker ends only if it has a bug.
  await Promise.race([queue.join({ timeoutMs: Number(seconds) * 1000 }), workers]);
} catch (error) {
  if (!(error instanceof LoopTimeoutError)) throw error;
  isLate = true;
}
stop.abort();
await workers.catch(() => {}); // each worker ends with the reason of the abort
progress.stop();
await client.close();

const limits = [
  ...(isLate ? [`stopped after ${seconds} s`] : []),
  ...(isAtLimit ? [`the limit of ${maxPages} pages was reached`] : []),
];
print([`${count.fetched} fetched, ${count.failed} failed`, ...limits].join('; '));
if (isLate) process.exitCode = 1;
