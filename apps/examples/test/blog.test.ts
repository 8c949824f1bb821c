import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { HTTPServer } from 'landspout';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import createBlog, { type BlogOptions } from '../blog/app.ts';
import { silent, type Visit, Visitor } from './visitor.ts';

describe('the blog', () => {
  let server: HTTPServer;
  let visitor: Visitor;

  beforeEach(() => start());
  afterEach(() => server.closeAll());

  async function start(options: BlogOptions = {}): Promise<void> {
    const app = await createBlog({ logger: silent, ...options });
    server = await app.listen({ port: 0, host: '127.0.0.1' });
    visitor = new Visitor(server.url);
  }

  const signUp = (name: string, who = visitor): Promise<Visit> =>
    who.fill('/signup', { name, password: 'correct horse', next: '/' });

  const publish = (title: string, text: string, who = visitor): Promise<Visit> =>
    who.fill('/compose', { title, text });

  it('is empty at first, and sends those who write to the login and back [RN-01]', async () => {
    const { status, headers, text } = await visitor.get('/');
    expect([status, headers.get('Content-Type')]).toEqual([200, 'text/html; charset=UTF-8']);
    expect(text).toContain('There are no entries yet.');
    expect(headers.get('Content-Security-Policy')).toContain("default-src 'none'");
    expect((await visitor.get('/compose')).location).toBe('/login?next=%2Fcompose');
    const form = await visitor.get('/login?next=%2Fcompose');
    expect(form.text).toContain('name="next" value="/compose"');
    const entered = await visitor.post('/signup', {
      name: 'Ada',
      password: 'correct horse',
      next: '/compose',
    });
    expect([entered.status, entered.location]).toEqual([303, '/compose']);
    const compose = await visitor.get('/compose');
    expect(compose.text).toContain('Log out Ada');
    expect(compose.text).toContain('Welcome, Ada.');
    expect((await visitor.get('/compose')).text).not.toContain('Welcome, Ada.');
  });

  it('publishes entries, with text escaped and URLs as links [TP-02] [ES-02]', async () => {
    await signUp('Ada');
    const text = 'One <b>&\r\nline\r\n\r\nsee https://example.com/?a=1&b=2.';
    const published = await publish('A <i> & "b"', text);
    expect([published.status, published.location]).toEqual([303, '/entry/a-i-b']);
    const page = await visitor.get('/entry/a-i-b');
    expect(page.text).toContain('The entry is published.');
    expect(page.text).toContain('<h1>A &lt;i&gt; &amp; &quot;b&quot;</h1>');
    expect(page.text).toContain('<p>One &lt;b&gt;&amp;\nline</p>');
    expect(page.text).toContain('<a href="https://example.com/?a=1&amp;b=2" rel="nofollow ugc">');
    expect(page.text).toContain('<title>A &lt;i&gt; &amp; &quot;b&quot; – Notes from the loop</title>');
    expect(page.text).toContain('<meta name="author" content="Ada">');
  });

  it('adds the style sheet of a UI module once, and only to pages with the module [RN-02]', async () => {
    await signUp('Ada');
    await publish('One', 'text');
    await publish('Two', 'text');
    const sheets = async (page: string): Promise<number> =>
      (await visitor.get(page)).text.split('/static/entry.css').length - 1;
    expect(await sheets('/')).toBe(1);
    expect(await sheets('/entry/one')).toBe(1);
    expect(await sheets('/archive')).toBe(0);
    const [, url = ''] = /href="(\/static\/entry\.css[^"]*)"/.exec((await visitor.get('/')).text) ?? [];
    expect((await visitor.get(url)).headers.get('Content-Type')).toContain('text/css');
  });

  it('shows five entries at home, and all in the archive', async () => {
    await signUp('Ada');
    for (let count = 1; count <= 6; count += 1) await publish(`Entry ${count}`, 'text');
    const home = (await visitor.get('/')).text;
    expect([...home.matchAll(/>(Entry \d)</g)].map(([, title]) => title)).toEqual([
      'Entry 6',
      'Entry 5',
      'Entry 4',
      'Entry 3',
      'Entry 2',
    ]);
    expect(home).toContain('Older entries');
    expect((await visitor.get('/archive')).text.match(/>Entry \d</g)).toHaveLength(6);
  });

  it('gives each entry a slug of its own, which stays when the title changes', async () => {
    await signUp('Ada');
    const slugs = [];
    for (const title of ['Über uns!', 'uber  UNS', '日本', '日本'])
      slugs.push((await publish(title, 'x')).location);
    expect(slugs).toEqual(['/entry/u-ber-uns', '/entry/uber-uns', '/entry/entry', '/entry/entry-2']);
    await visitor.get('/compose?slug=uber-uns');
    const changed = await visitor.post('/compose', { slug: 'uber-uns', title: 'About', text: 'new text' });
    expect(changed.location).toBe('/entry/uber-uns');
    expect((await visitor.get('/entry/uber-uns')).text).toContain('<h1>About</h1>');
  });

  it('lets only its author change an entry', async () => {
    await signUp('Ada');
    await publish('Mine', 'text');
    expect((await visitor.get('/entry/mine')).text).toContain('href="/compose?slug=mine"');
    const bo = new Visitor(server.url);
    await signUp('Bo', bo);
    expect((await bo.get('/entry/mine')).text).not.toContain('Edit');
    expect((await bo.get('/compose?slug=mine')).status).toBe(403);
    const changed = await bo.post('/compose', { slug: 'mine', title: 'Yours', text: 'text' });
    expect([changed.status, changed.text]).toEqual([
      403,
      expect.stringContaining('Only its author can change'),
    ]);
    expect((await new Visitor(server.url).get('/entry/mine')).text).toContain('<h1>Mine</h1>');
  });

  it('refuses forms without the token of their page [ATT-51]', async () => {
    await signUp('Ada');
    const forged = await visitor.post('/compose', { title: 'Forged', text: 'text' }, '');
    expect(forged.status).toBe(403);
    const other = new Visitor(server.url);
    await other.get('/login');
    expect((await visitor.post('/compose', { title: 'Forged', text: 'text' }, other.token)).status).toBe(403);
    expect((await visitor.post('/logout', {}, '')).status).toBe(403);
    expect((await visitor.get('/archive')).text).toContain('There are no entries yet.');
    // Without a login, the right token is not enough.
    const compose = await other.post('/compose', { title: 'Forged', text: 'text' });
    expect(compose.status).toBe(403);
  });

  it('says once that a password is wrong, and logs in with the right one', async () => {
    await signUp('Ada');
    await visitor.post('/logout', {});
    expect((await visitor.get('/')).text).toContain('You are logged out.');
    for (const [name, password] of [
      ['Ada', 'wrong horse'],
      ['Nobody', 'correct horse'],
      ['Ada', 'x'.repeat(100_000)],
    ] as const) {
      const refused = await visitor.post('/login', { name, password, next: '/archive' });
      expect([refused.status, refused.location]).toEqual([303, '/login?next=%2Farchive']);
      const again = await visitor.get('/login?next=%2Farchive');
      expect(again.text).toContain('There is no account with this name and password.');
      expect((await visitor.get('/login')).text).not.toContain('There is no account');
    }
    const entered = await visitor.post('/login', {
      name: 'ada',
      password: 'correct horse',
      next: '/archive',
    });
    expect([entered.status, entered.location]).toEqual([303, '/archive']);
    expect((await visitor.get('/')).text).toContain('Log out Ada');
  });

  it.each([
    '//evil.example',
    'https://evil.example/',
    '/\\evil.example',
    '/\t/evil.example',
    'javascript:alert(1)',
  ])('does not go to %j after a login [ATT-46]', async (next) => {
    await signUp('Ada');
    const entered = await visitor.post('/login', { name: 'Ada', password: 'correct horse', next });
    expect(entered.location).toBe('/');
  });

  it('refuses names that are taken, and passwords that are too short', async () => {
    await signUp('Ada');
    const other = new Visitor(server.url);
    for (const [name, password, problem] of [
      ['ADA', 'correct horse', 'This name is taken.'],
      ['Bo', 'short', 'A password has at least 8 characters.'],
      ['B'.repeat(41), 'correct horse', 'A name has 1 to 40 characters.'],
    ] as const) {
      expect((await other.fill('/signup', { name, password })).location).toBe('/signup?next=%2F');
      expect((await other.get('/signup')).text).toContain(problem);
    }
    expect(other.cookies).not.toContain('author=');
  });

  it('shows the form again if an entry is incomplete, with what was written', async () => {
    await signUp('Ada');
    const refused = await publish('', 'a long "text"');
    expect(refused.status).toBe(422);
    expect(refused.text).toContain('An entry needs a title and a text.');
    expect(refused.text).toContain('>\na long &quot;text&quot;</textarea>');
    expect((await publish('x'.repeat(201), 'text')).status).toBe(422);
  });

  it('has error pages like its other pages, and limits logins [OUT-08]', async () => {
    for (const url of ['/entry/none', '/none']) {
      const { status, text } = await visitor.get(url);
      expect([status, text]).toEqual([404, expect.stringMatching(/There is no such (entry|page)\.<\/h1>/)]);
      expect(text).toContain('class="brand"');
    }
    const attempts = [];
    for (let count = 0; count < 25; count += 1) attempts.push((await visitor.get('/login')).status);
    expect(attempts.at(-1)).toBe(429);
  });

  it('has an Atom feed of well-formed XML, with HTML as text', async () => {
    await signUp('Ada');
    await publish('A & <b>', 'first\uffff\u0001\n\nsecond https://example.com/');
    const { status, headers, text } = await visitor.get('/feed');
    expect([status, headers.get('Content-Type')]).toEqual([200, 'application/atom+xml; charset=UTF-8']);
    expect(text.startsWith('<?xml version="1.0" encoding="UTF-8"?>\n<feed ')).toBe(true);
    expect(text).toContain('<title>A &amp; &lt;b&gt;</title>');
    expect(text).toContain(`<id>${server.url}/entry/a-b</id>`);
    expect(text).toContain(
      '&lt;p&gt;first&lt;/p&gt;\n&lt;p&gt;second &lt;a href=&quot;https://example.com/&quot;',
    );
    expect(text).toMatch(/<updated>\d{4}-\d\d-\d\dT[\d:.]+Z<\/updated>/);
  });

  it('compresses long pages, the feed and style sheets [OUT-10]', async () => {
    await signUp('Ada');
    await publish('Long', 'once upon a time '.repeat(200));
    for (const url of ['/entry/long', '/feed', '/static/blog.css']) {
      const response = await fetch(server.url + url, { headers: { 'Accept-Encoding': 'gzip' } });
      const { headers } = response;
      expect([headers.get('Content-Encoding'), headers.get('Vary')], url).toEqual([
        'gzip',
        'Accept-Encoding',
      ]);
      await response.body?.cancel();
    }
  });

  it('keeps accounts and entries in a file, which only its owner can read', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'landspout-blog-'));
    try {
      const file = path.join(folder, 'blog.json');
      const cookieSecret = 'a secret of at least thirty-two bytes';
      await server.closeAll();
      await start({ file, cookieSecret });
      await signUp('Ada');
      await Promise.all([publish('One', 'text'), publish('Two', 'text')]);
      const { cookies } = visitor;
      await server.closeAll();
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(await readFile(file, 'utf8')).not.toContain('correct horse');
      await start({ file, cookieSecret });
      const home = await fetch(server.url, { headers: { Cookie: cookies } });
      const text = await home.text();
      expect(text).toContain('Log out Ada');
      // Published at the same time, on two connections: either may be the first.
      expect(text).toContain('>One<');
      expect(text).toContain('>Two<');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
