// Fetches a page and prints its size. There is no blocking client as in Tornado: `run` starts an async function, and
// awaiting it replaces the wait.
// Run: node fetch-content.ts https://example.com/
import { AsyncHTTPClient, IOLoop } from 'landspout';

async function fetchContent(url: string): Promise<Uint8Array> {
  const response = await AsyncHTTPClient.current().fetch(url); // follows redirects, and decodes gzip and others
  return response.body;
}

const [url = 'https://example.com/'] = process.argv.slice(2);
const content = await IOLoop.current().run(() => fetchContent(url));
console.log(`${content.byteLength} bytes`);
