// What the chapter "Structure of a web application" of Tornado's guide shows, as programs for this package, each complete:
// nothing but its public names, and Node's `fetch` as the client.
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  Application,
  type ApplicationSettings,
  ErrorHandler,
  Finish,
  HTTPError,
  RedirectHandler,
  RequestHandler,
  route,
} from '../../src/index.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const local = { port: 0, host: '127.0.0.1' };

describe('an application', () => {
  it('is a list of routes and a server that listens [APP-01] [APP-02]', async () => {
    class Main extends RequestHandler {
      override get(): void {
        this.write('Hello, world');
      }
    }
    const app = new Application([['/', Main]]);
    const server = await app.listen(local);
    const { url } = server;
    expect(await (await fetch(url)).text()).toBe('Hello, world');
    await server.closeAll();
    await expect(fetch(url)).rejects.toThrow('fetch failed');
  });

  it('gives a handler what its route has for it, and builds URLs by the name of a route [APP-01] [APP-03]', async () => {
    const storyPath = '/story/:id';
    type Stories = ReadonlyMap<string, string>;

    class Index extends RequestHandler {
      override get(): void {
        this.write(`<a href="${this.reverseUrl(storyPath, { id: 1 })}">link to story 1</a>`);
      }
    }
    class Story extends RequestHandler<typeof storyPath> {
      #stories!: Stories;

      override initialize({ stories }: { readonly stories: Stories }): void {
        this.#stories = stories;
      }

      override get(): void {
        const text = this.#stories.get(this.pathParams.id);
        if (text === undefined) throw new HTTPError(404);
        this.write(text);
      }
    }
    const stories = new Map([['1', 'Once upon a time']]);
    const app = new Application([
      ['/', Index],
      [storyPath, Story, { stories }, 'story'],
    ]);
    await using server = await app.listen(local);
    const index = await (await fetch(server.url)).text();
    expect(index).toBe('<a href="/story/1">link to story 1</a>');
    expect(app.reverseUrl('story', 1)).toBe('/story/1');
    expect(await (await fetch(`${server.url}/story/1`)).text()).toBe('Once upon a time');
    expect((await fetch(`${server.url}/story/2`)).status).toBe(404);
  });

  it('passes the groups of a regular expression to the verb [IN-03]', async () => {
    class Archive extends RequestHandler {
      override get(year: string, month?: string): void {
        this.write({ year, month: month ?? null });
      }
    }
    await using server = await new Application([[/\/archive\/(\d{4})(?:\/(\d\d))?/, Archive]]).listen(local);
    expect(await (await fetch(`${server.url}/archive/2026/11`)).json()).toEqual({
      year: '2026',
      month: '11',
    });
    expect(await (await fetch(`${server.url}/archive/2026`)).json()).toEqual({ year: '2026', month: null });
    expect((await fetch(`${server.url}/archive/26`)).status).toBe(404);
  });

  it('has settings, also of its own, which handlers know by type [APP-04]', async () => {
    interface Settings extends ApplicationSettings {
      readonly siteName: string;
    }
    class About extends RequestHandler<string, Settings> {
      override get(): void {
        this.write(this.settings.siteName.toUpperCase());
      }
    }
    const app = new Application<Settings>([['/about', About]], { siteName: 'Old news' });
    await using server = await app.listen(local);
    expect(await (await fetch(`${server.url}/about`)).text()).toBe('OLD NEWS');
  });

  it('shares a class of its own between handlers [RH-03]', async () => {
    class BaseHandler extends RequestHandler {
      override setDefaultHeaders(): void {
        this.setHeader('X-Site', 'news');
      }
    }
    class One extends BaseHandler {
      override get(): void {
        this.write('one');
      }
    }
    class Missing extends BaseHandler {
      override prepare(): void {
        throw new HTTPError(404, undefined, { detail: 'There is no such page.' });
      }
    }
    const app = new Application([['/one', One]], { defaultHandlerClass: Missing });
    await using server = await app.listen(local);
    const [one, other] = [
      await fetch(`${server.url}/one`),
      await fetch(`${server.url}/two`, { method: 'PUT' }),
    ];
    expect([one, other].map(({ status, headers }) => [status, headers.get('X-Site')])).toEqual([
      [200, 'news'],
      [404, 'news'],
    ]);
    expect(await other.text()).toContain('There is no such page.');
  });
});

describe('the input of a request', () => {
  it('is fields of a form and of the query, one or several of a name [IN-01]', async () => {
    class Form extends RequestHandler {
      override get(): void {
        this.write('<form method="post"><input name="message"><button>Send</button></form>');
      }
      override post(): void {
        this.write({
          message: this.getBodyArgument('message'),
          tags: this.getArguments('tag'),
          page: this.getQueryArgument('page', '1'),
        });
      }
    }
    await using server = await new Application([['/form', Form]], { logger: silent }).listen(local);
    expect(await (await fetch(`${server.url}/form`)).text()).toContain('name="message"');
    const body = new URLSearchParams([
      ['message', ' hello '],
      ['tag', 'b'],
    ]);
    const posted = await fetch(`${server.url}/form?tag=a&message=query`, { method: 'POST', body });
    expect(await posted.json()).toEqual({ message: 'hello', tags: ['a', 'b'], page: '1' });
    const empty = await fetch(`${server.url}/form`, { method: 'POST', body: new URLSearchParams() });
    expect([empty.status, await empty.text()]).toEqual([
      400,
      expect.stringContaining('The argument &quot;message&quot; is missing'),
    ]);
  });

  it('is uploaded files by the name of their field [HU-11]', async () => {
    class Photos extends RequestHandler {
      override post(): void {
        const photos = this.files.get('photo') ?? [];
        this.write({
          by: this.getBodyArgument('by'),
          photos: photos.map(({ filename, contentType, body }) => [filename, contentType, body.length]),
        });
      }
    }
    await using server = await new Application([['/photos', Photos]]).listen(local);
    const body = new FormData();
    body.append('by', 'Ada');
    body.append('photo', new File(['1234'], 'one.png', { type: 'image/png' }));
    body.append('photo', new File(['12'], 'two.gif', { type: 'image/gif' }));
    const response = await fetch(`${server.url}/photos`, { method: 'POST', body });
    expect(await response.json()).toEqual({
      by: 'Ada',
      photos: [
        ['one.png', 'image/png', 4],
        ['two.gif', 'image/gif', 2],
      ],
    });
  });

  it('is JSON, for a handler that reads it in prepare or in its verb [IN-04]', async () => {
    class Api extends RequestHandler {
      protected json: unknown;

      override prepare(): void {
        const type = this.request.headers.get('Content-Type') ?? '';
        if (type.startsWith('application/json')) this.json = this.getJsonBody();
      }
      override post(): void {
        this.writeJson(this.json ?? null);
      }
    }
    await using server = await new Application([['/api', Api]], { logger: silent }).listen(local);
    const post = (body: string, type: string): Promise<Response> =>
      fetch(`${server.url}/api`, { method: 'POST', body, headers: { 'Content-Type': type } });
    expect(await (await post('{"a":[1,2]}', 'application/json')).json()).toEqual({ a: [1, 2] });
    expect(await (await post('{"a":[1,2]}', 'text/plain')).json()).toBeNull();
    expect((await post('{"a":', 'application/json; charset=utf-8')).status).toBe(400);
  });
});

describe('the life of a request', () => {
  it('is initialize, prepare, the verb and onFinish, one handler for each request [RH-01]', async () => {
    const events: string[] = [];
    class Tells extends RequestHandler {
      readonly #id = events.push('made');

      override initialize({ name }: { readonly name: string }): void {
        events.push(`initialize ${name}`);
      }
      override async prepare(): Promise<void> {
        await Promise.resolve();
        events.push('prepare');
        if (this.getArgument('stop', '') !== '') this.finish('stopped');
      }
      override get(): void {
        events.push('get');
        this.write(String(this.#id));
      }
      override onFinish(): void {
        events.push('onFinish');
      }
    }
    await using server = await new Application([['/', Tells, { name: 'it' }]]).listen(local);
    await (await fetch(server.url)).text();
    expect(events.splice(0)).toEqual(['made', 'initialize it', 'prepare', 'get', 'onFinish']);
    expect(await (await fetch(`${server.url}/?stop=1`)).text()).toBe('stopped');
    expect(events).toEqual(['made', 'initialize it', 'prepare', 'onFinish']);
  });

  it('may wait, also for other servers, while further requests are served [RH-01]', async () => {
    class Slow extends RequestHandler {
      override async get(): Promise<void> {
        const response = await fetch(`http://${this.request.host}/quick`, { signal: this.signal });
        this.write(`fetched ${await response.text()}`);
      }
    }
    class Quick extends RequestHandler {
      override get(): void {
        this.write('quickly');
      }
    }
    const app = new Application([
      ['/slow', Slow],
      ['/quick', Quick],
    ]);
    await using server = await app.listen(local);
    expect(await (await fetch(`${server.url}/slow`)).text()).toBe('fetched quickly');
  });

  it('sends what is written at each flush [OUT-04]', async () => {
    class Counts extends RequestHandler {
      override async get(): Promise<void> {
        for (let count = 1; count <= 3; count += 1) {
          this.write(`${count}\n`);
          await this.flush();
        }
      }
    }
    await using server = await new Application([['/', Counts]]).listen(local);
    const response = await fetch(server.url);
    expect(response.headers.get('Content-Length')).toBeNull();
    expect(await response.text()).toBe('1\n2\n3\n');
  });

  it('tells a handler that its client has left [RH-03]', async () => {
    let left = (_reason: string): void => {};
    const leaving = new Promise<string>((resolve) => {
      left = resolve;
    });
    class Waits extends RequestHandler {
      override async get(): Promise<void> {
        this.flush().catch(() => {});
        await delay(60_000, undefined, { signal: this.signal });
      }
      override onConnectionClose(reason: Error): void {
        left(reason.name);
      }
    }
    await using server = await new Application([['/', Waits]], { logger: silent }).listen(local);
    const socket = connect(server.port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    expect(await leaving).toBe('HTTPClosedError');
  });
});

describe('an error of a handler', () => {
  it('is a status with a page for people or programs, and its own page if the class has one [OUT-07] [OUT-08]', async () => {
    class Broken extends RequestHandler {
      override get(): void {
        throw new TypeError('oops');
      }
      override post(): void {
        throw new HTTPError(409, 'for the log', { detail: 'Somebody was faster.' });
      }
      override put(): void {
        this.sendError(503);
      }
      override delete(): void {
        this.setStatus(202);
        throw new Finish({ queued: true });
      }
    }
    class Styled extends Broken {
      override writeError(status: number, error?: unknown): void {
        this.write(`<h1>We are sorry: ${status}${error instanceof TypeError ? ', a bug' : ''}</h1>`);
      }
    }
    const app = new Application(
      [
        ['/broken', Broken],
        ['/styled', Styled],
        ['/gone', ErrorHandler, { status: 410 }],
      ],
      { logger: silent },
    );
    await using server = await app.listen(local);
    const page = await fetch(`${server.url}/broken`);
    expect([page.status, page.headers.get('Content-Type')]).toEqual([500, 'text/html; charset=UTF-8']);
    expect(await page.text()).not.toContain('oops');
    const json = await fetch(`${server.url}/broken`, {
      method: 'POST',
      headers: { Accept: 'application/json' },
    });
    expect([json.status, json.headers.get('Content-Type')]).toEqual([
      409,
      'application/problem+json; charset=UTF-8',
    ]);
    expect(await json.json()).toMatchObject({ status: 409, detail: 'Somebody was faster.' });
    expect((await fetch(`${server.url}/broken`, { method: 'PUT' })).status).toBe(503);
    const finished = await fetch(`${server.url}/broken`, { method: 'DELETE' });
    expect([finished.status, await finished.json()]).toEqual([202, { queued: true }]);
    expect(await (await fetch(`${server.url}/styled`)).text()).toBe('<h1>We are sorry: 500, a bug</h1>');
    expect((await fetch(`${server.url}/gone`, { method: 'PUT' })).status).toBe(410);
    expect((await fetch(`${server.url}/none`)).status).toBe(404);
    const refused = await fetch(`${server.url}/styled`, { method: 'PATCH' });
    expect([refused.status, refused.headers.get('Allow')]).toEqual([
      405,
      'GET, HEAD, POST, DELETE, PUT, OPTIONS',
    ]);
  });
});

describe('a redirect', () => {
  it('is made by a handler, or by a route with the parts of its pattern [OUT-06] [HD-01]', async () => {
    class Leaves extends RequestHandler {
      override get(): void {
        this.redirect('/new', { permanent: this.getArgument('always', '') !== '' });
      }
    }
    const app = new Application([
      ['/old', Leaves],
      ['/app', RedirectHandler, { url: 'https://itunes.example.com/my-app-id', permanent: false }],
      [/\/pictures\/(.*)/, RedirectHandler, { url: '/photos/{0}' }],
      route('/user/:name', RedirectHandler, { url: '/people/{name}' }),
    ]);
    await using server = await app.listen(local);
    const found = [];
    for (const path of ['/old', '/old?always=1', '/app', '/pictures/a/b.png?size=2', '/user/ada']) {
      const { status, headers } = await fetch(server.url + path, { redirect: 'manual' });
      found.push(`${status} ${headers.get('Location')}`);
    }
    expect(found).toEqual([
      '302 /new',
      '301 /new',
      '302 https://itunes.example.com/my-app-id',
      '301 /photos/a/b.png?size=2',
      '301 /people/ada',
    ]);
  });
});
