// One fetch, written in four ways.
import { AsyncHTTPClient, type HTTPResponse, IOLoop } from 'landspout';
import { coroutine, Future } from 'landspout/ioloop';

const client = AsyncHTTPClient.current();
const loop = IOLoop.current();

function fetchFirst(url: string): Promise<Uint8Array> {
  return loop.run(() => fetch(url), { timeoutMs: 5_000 });
}

async function fetch(url: string): Promise<Uint8Array> {
  const response = await client.fetch(url);
  return response.body;
}

const fetchInGenerator = coroutine(function* (url: string) {
  const response = (yield client.fetch(url)) as HTTPResponse;
  return response.body;
});

function fetchWithCallback(url: string): Promise<Uint8Array> {
  const result = new Future<Uint8Array>();
  client.fetch(url).then(
    (response) => result.setResult(response.body),
    (error) => result.setException(error),
  );
  return result.promise;
}

const [url = 'http://127.0.0.1:8888/'] = process.argv.slice(2);
console.log(`first: ${(await fetchFirst(url)).length} bytes`);
for (const fetchBody of [fetch, fetchInGenerator, fetchWithCallback]) {
  console.log(`then: ${(await fetchBody(url)).length} bytes`);
}
