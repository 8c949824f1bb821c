import { connect } from 'node:net';
import { expect } from 'vitest';
import { describeOutput, describePair } from './describe-pair.ts';
import { serveStage } from './serve-stage.ts';

const PAGES: Readonly<Record<string, string>> = {
  '/': '<a href="/a">a</a> <a href="b#top">b</a> <a href="http://example.com/">elsewhere</a>',
  '/a': '<a href="/">home</a> <a href="/missing">gone</a>',
  '/b': 'no link',
};

/** A site of three pages. */
const site = () =>
  serveStage(({ url = '/' }, response) => {
    const page = PAGES[url];
    response.writeHead(page === undefined ? 404 : 200).end(page ?? 'not here');
  });

describePair('introduction/hello', async (client) => {
  const hello = { status: 200, headers: { 'content-type': 'text/html; charset=UTF-8' } };
  expect(await client.get('/')).toMatchObject({ ...hello, body: 'Hello, world' });
  expect(await client.get('/you')).toMatchObject({ ...hello, body: 'Hello, you' });
});

describePair('introduction/echo', async (client, program) => {
  const socket = connect(Number(new URL(client.url).port), '127.0.0.1');
  socket.write('hello\nyou\n');
  let received = '';
  for await (const piece of socket.setEncoding('utf8')) {
    received += piece;
    if (received.endsWith('YOU\n')) break; // which closes the socket
  }
  client.record('lines', received);
  expect(received).toBe('HELLO\nYOU\n');
  await program.printed(/a client left/);
});

describeOutput(
  'asynchronous/fetching',
  {
    output: () => `first: 84 bytes\n${'then: 84 bytes\n'.repeat(3)}`,
  },
  site,
);

describeOutput('coroutines/calling', {
  logs: /division by zero/,
  output: () => 'six by three: 2\nan error reaches the caller that awaits\nthe program goes on\n',
});

describeOutput('coroutines/parallel', {
  output: () =>
    'in the order of the list: slow, fast\nby key: a is slow, b is fast\n' +
    'as they end: fast, number 1\nas they end: slow, number 0\ntoo late\n',
});

describePair('coroutines/interleaving', async (client) => {
  expect(await client.get('/report')).toMatchObject({ status: 200, body: 'one\ntwo\nthree\n' });
});

describeOutput('coroutines/background', {
  output: () => 'loop: 1\nloop: 2\nloop: 3\nperiodic: 1\nperiodic: 2\nperiodic: 3\n',
});

describeOutput('coroutines/threads', {
  output: () => 'f6d9dde1cb5ddb830e8df92ce843b048\ndbc8e76de40779728a58d9ce534f7d4f\n',
});

describeOutput(
  'queues/spider',
  {
    output: (url) => `fetched ${url}\nfetched ${url}a\nfetched ${url}b\nfailed ${url}missing: 404\n`,
  },
  site,
);
