// Crawls a site: three workers take URLs from a queue, and put the links of each page into it.
import { AsyncHTTPClient, HTTPClientError, multi, Queue } from 'landspout';

const WORKERS = 3;

const client = AsyncHTTPClient.current();
const [start = 'http://127.0.0.1:8888/'] = process.argv.slice(2);
const queue = new Queue<string | undefined>();
const seen = new Set([start]);
const fetched: string[] = [];
const failed: string[] = [];

async function linksOf(url: string): Promise<string[]> {
  const response = await client.fetch(url);
  const links = [...response.text().matchAll(/href="([^"]*)"/g)];
  return links.map(([, link = '']) => new URL(link, url).href.replace(/#.*/, ''));
}

async function visit(url: string): Promise<void> {
  for (const link of await linksOf(url)) {
    if (!link.startsWith(start) || seen.has(link)) continue;
    seen.add(link);
    await queue.put(link);
  }
  fetched.push(url);
}

async function work(): Promise<void> {
  for await (const url of queue) {
    if (url === undefined) return;
    try {
      await visit(url);
    } catch (error) {
      if (!(error instanceof HTTPClientError)) throw error;
      failed.push(`${url}: ${error.status}`);
    } finally {
      queue.taskDone();
    }
  }
}

await queue.put(start);
const workers = multi(Array.from({ length: WORKERS }, work));
await queue.join({ timeoutMs: 300_000 });
for (let i = 0; i < WORKERS; i += 1) await queue.put(undefined); // ends a worker
await workers;

for (const url of fetched.sort()) console.log(`fetched ${url}`);
for (const problem of failed.sort()) console.log(`failed ${problem}`);
