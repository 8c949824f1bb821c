import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { describeOutput, describePair } from './describe-pair.ts';
import { hasTornado, startProgram } from './guide-program.ts';
import { RecordingClient } from './recording-client.ts';
import { serveStage } from './serve-stage.ts';

describePair(
  'security/login',
  async (client) => {
    const asked = await client.get('/');
    expect(asked).toMatchObject({ status: 302, headers: { location: '/login?next=%2F' } });
    expect((await client.post('/login', { name: 'Ann' })).status).toBe(403);
    await client.get('/login');
    const entered = await client.post('/login', { name: 'Ann' });
    expect(entered).toMatchObject({ status: 302, headers: { location: '/' } });
    expect(client.cookie('user')).toMatch(/^"?2\|1:0\|/);
    expect(await client.get('/')).toMatchObject({ status: 200, body: 'Hello, Ann' });
    expect(await client.post('/logout', {})).toMatchObject({ status: 302, headers: { location: '/login' } });
    expect((await client.get('/')).status).toBe(302);
  },
  { cookies: ['HttpOnly', 'SameSite=Lax'], errorPages: true },
);

/** A provider of OAuth 2.0 whose user agrees at once. */
const provider = () =>
  serveStage(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://provider');
    const respond = (value: object) => {
      response.setHeader('Content-Type', 'application/json').end(JSON.stringify(value));
    };
    if (pathname === '/authorize') {
      const back = new URL(searchParams.get('redirect_uri') ?? '');
      back.search = String(new URLSearchParams({ code: 'c', state: searchParams.get('state') ?? '' }));
      response.writeHead(302, { Location: back.href }).end();
    } else if (pathname === '/token') {
      const form = new URLSearchParams((await buffer(request)).toString());
      const isRight = form.get('code') === 'c' && form.get('grant_type') === 'authorization_code';
      response.statusCode = isRight ? 200 : 400;
      respond(isRight ? { access_token: 't', token_type: 'Bearer' } : { error: 'invalid_grant' });
    } else {
      const token =
        searchParams.get('access_token') ?? request.headers.authorization?.slice('Bearer '.length);
      response.statusCode = token === 't' ? 200 : 401;
      respond({ name: 'Ann' });
    }
  });

describePair(
  'security/signin',
  async (client) => {
    expect((await client.get('/sign-in')).status).toBe(302);
    const agreed = await fetch(client.location, { redirect: 'manual' });
    const { pathname, search } = new URL(agreed.headers.get('Location') ?? '');
    client.received.length = 0; // the state and the names of cookies are not the same
    const signedIn = await client.get(pathname + search);
    expect(signedIn).toMatchObject({ status: 200, body: '{"name":"Ann"}' });
    expect((await client.get(pathname + search)).status).toBe(400);
    client.received.splice(0, 2);
    client.record('the user', signedIn.body);
  },
  {},
  provider,
);

describePair(
  'security/hosts',
  async (client) => {
    const welcome = { status: 200, body: 'Welcome to www.example.com' };
    expect(await client.get('/', { Host: 'www.example.com' })).toMatchObject(welcome);
    expect((await client.get('/', { Host: 'evil.example' })).status).toBe(421);
  },
  { errorPages: true },
);

describePair('running/proxy', async (client) => {
  expect((await client.get('/')).body).toBe('{"ip":"127.0.0.1","protocol":"http"}');
  const headers = { 'X-Forwarded-For': '203.0.113.7', 'X-Forwarded-Proto': 'https' };
  expect((await client.get('/', headers)).body).toBe('{"ip":"203.0.113.7","protocol":"https"}');
});

describePair('running/processes', async (client) => {
  const { body } = await client.get('/');
  expect(['{"task":0}', '{"task":1}']).toContain(body);
  client.received.length = 0; // which of the two it was is chance
  client.record('the task', 'is one of two');
});

describePair(
  'running/static',
  async (client) => {
    await client.get('/');
    const [, script = ''] = /src="([^"]+)"/.exec(client.text) ?? [];
    expect(await client.get(script)).toMatchObject({ status: 200, body: "document.title = 'Hello';\n" });
    expect(await client.get('/files/docs')).toMatchObject({
      status: 301,
      headers: { location: '/files/docs/' },
    });
    expect(await client.get('/files/docs/')).toMatchObject({ status: 200, body: '<p>The documents.</p>\n' });
    const part = await client.get('/files/main.js', { Range: 'bytes=0-7' });
    expect(part).toMatchObject({ status: 206, body: 'document' });
    expect((await client.get('/robots.txt')).status).toBe(200);
    expect((await client.get('/files/../static.py')).status).toBe(404);
  },
  { errorPages: true, headers: ['cache-control', 'content-type', 'last-modified'] },
);

describeOutput('running/options', {
  args: ['--name=you', '--times=2', '--tag=a,b', '--delay=1.5s', 'x.txt', 'y.txt'],
  output: () => 'Hello, you\nHello, you\ntags: a and b\ndelay: 1500 ms\nfiles: x.txt and y.txt\n',
});

const MIGRATIONS = [
  ['Tornado', 'Landspout'],
  ['Landspout', 'Tornado'],
] as const;

describe.runIf(hasTornado)('sessions and tokens of the guide', () => {
  it.each(MIGRATIONS)('made by the program for %s are valid for that for %s', async (before, after) => {
    await using first = startProgram(before, 'security/login');
    await using second = startProgram(after, 'security/login');
    const client = new RecordingClient(await first.url());
    await client.get('/login');
    await client.post('/login', { name: 'Ann' });
    client.url = await second.url();
    expect((await client.get('/')).body).toBe('Hello, Ann');
    expect((await client.post('/logout', {})).status).toBe(302);
  });
});
