import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@landspout/ioloop/errors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HTTPError, type Middleware, RequestHandler, type RouteSpec } from '../../src/index.ts';
import { ask, bodyOf, headerOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';
import { compileWithTsc, compileWithTsup } from './compiled-program.ts';
import { HTML, JSON_TYPE, pageOf, problemOf, textOf } from './debug-application.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'landspout-debug-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a program of the test threw. */
function thrownBy(file: string): unknown {
  try {
    createRequire(import.meta.url)(file).run();
  } catch (error) {
    return error;
  }
  throw new Error('it did not throw');
}

function written(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** Secrets, which the excerpts of this file must not contain. */
const PASSWORD = ['hunter', 2].join('');
const S = String.fromCharCode(83);

/** The text of a page, without tags. */
const plain = (html: string): string =>
  html
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');

describe('the error page for developers', () => {
  it('shows the error, the source around it and its causes', async () => {
    const lines = Array.from({ length: 20 }, (_, index) => `// line ${index + 1}`);
    lines[9] =
      'exports.run = () => { throw new TypeError("is <b>wrong", { cause: new RangeError("too far") }); };';
    const file = written('plain.cjs', lines.join('\n'));
    const html = await pageOf(thrownBy(file));
    const page = plain(html);
    expect(page).toContain('500: Internal Server Error');
    expect(html).toContain('<h1>TypeError</h1><pre>is &lt;b&gt;wrong</pre>');
    expect(html).toContain('<h2>Caused by: RangeError</h2><pre>too far</pre>');
    expect(page).toContain(`${file}:10:`);
    expect(page).toContain('// line 5\n');
    expect(page).toContain('// line 15\n');
    expect(page).not.toContain('// line 4\n');
    expect(page).not.toContain('// line 16\n');
    expect(html).toContain('<span class="at"><span class="line">10</span>');
    expect(html).toContain('throw <mark>new</mark> TypeError');
    expect(html.match(/<details open>/g)).toHaveLength(2);
    expect(page).toMatch(/\d+ frames? of dependencies and Node.js/);
  });

  it.each([
    ['tsc, with a map beside the file', compileWithTsc, false],
    ['tsc, with an inline map', compileWithTsc, true],
    ['esbuild, with a map beside the file', compileWithTsup, false],
    ['esbuild, with an inline map', compileWithTsup, true],
  ])('shows TypeScript of a program compiled by %s', async (_name, compile, inline) => {
    const { file, source, throwLine } = await compile(folder, inline);
    const error = thrownBy(file);
    const page = plain(await pageOf(error));
    expect(page).toContain(`${source}:${throwLine}:`);
    expect(page).toContain('throw new Error(`no user $');
    expect(page).toContain('interface User');
    const problem = await problemOf(error);
    expect(problem).toMatchObject({
      title: 'Internal Server Error',
      status: 500,
      exception: { name: 'Error', message: 'no user Ada' },
      excerpt: { file: source, line: throwLine },
    });
    expect(problem.stack[0]).toMatchObject({
      function: 'find',
      file: source,
      line: throwLine,
      owner: 'program',
    });
    expect(await textOf(error)).toMatch(/^Error: no user Ada\n {4}at find \(.*program\.ts:\d+:\d+\)\n/);
  });

  it('shows the line of a template that failed', async () => {
    class TemplateError extends CodedError<'ERR_WEB_TEMPLATE'> {
      override readonly name = 'TemplateError';
      readonly file = written('page.eta', 'one\ntwo\n<%= it.user.name %>\nfour\n');
      readonly line = 3;
    }
    const html = await pageOf(new TemplateError('ERR_WEB_TEMPLATE', 'page.eta:3: user is undefined'));
    expect(html).toContain('<span class="line">3</span>&lt;%= it.user.name %&gt;\n');
    expect(html).toContain('<h1>TemplateError [ERR_WEB_TEMPLATE]</h1>');
    // The place in the template is the one that is open.
    expect(html).not.toContain('<details open>');
  });

  it('shows the line of a syntax error in a module', async () => {
    const file = written('broken.cjs', 'let a = 1;\nlet b = = 2;\n');
    let error: unknown;
    try {
      createRequire(import.meta.url)(file);
    } catch (thrown) {
      error = thrown;
    }
    expect(plain(await pageOf(error))).toContain('2let b = = 2;');
  });

  it('shows the members of an AggregateError, and values that are no errors', async () => {
    const page = await pageOf(new AggregateError([new Error('first'), { status: 'second' }, 'third'], 'all'));
    expect(page).toContain('<h1>AggregateError</h1><pre>all</pre>');
    expect(page).toContain('<h2>Error 1: Error</h2><pre>first</pre>');
    expect(page).toContain('<h2>Error 2: Thrown value</h2><pre>{ status: &#39;second&#39; }</pre>');
    expect(page).toContain('<h2>Error 3: Thrown value</h2><pre>&#39;third&#39;</pre>');
  });

  it('shows the request, without its credentials', async () => {
    const html = await pageOf(new Error('x'), {
      path: `/a?q=1&access_token=${S}1&b=2`,
      fields: [
        `Cookie: sid=${S}2`,
        `Authorization: Bearer ${S}3`,
        `Proxy-Authorization: Basic ${S}4`,
        `X-Api-Key: ${S}5`,
        `Referer: http://me:${S}6@a.example/?password=${S}7&c=3`,
        'X-Plain: shown',
      ],
    });
    const page = plain(html);
    expect(page).toContain('GET /a?q=1&access_token=(masked)&b=2 HTTP/1.1');
    expect(page).toContain('Refererhttp://(masked)@a.example/?password=(masked)&c=3');
    expect(page).toContain('X-Plainshown');
    expect(html).not.toMatch(/S\d/);
  });

  it('masks arguments whose names are encoded, or cannot be decoded', async () => {
    const html = await pageOf(new Error('x'), {
      path: `/a?pass%77ord=${S}1&%74oken=${S}2&%6Bey=${S}3&p%E4ss=${S}4&%zz=${S}5&%70age=7&a+b=8`,
      fields: [`Referer: http://a.example/?c%6Fde=${S}6&d=9`],
    });
    const page = plain(html);
    expect(page).toContain('/a?pass%77ord=(masked)&');
    for (const shown of ['%70age=7', 'a+b=8', 'd=9']) expect(page).toContain(shown);
    expect(html).not.toMatch(/S\d/);
  });

  it('escapes markup, and shows characters that reorder text or move a cursor [ATT-40]', async () => {
    const attack =
      '"><script>document.title="hacked"</script><img src=x onerror=alert(1)>\u202e\u001b[2J\u0000';
    const error = Object.assign(new Error(attack), { name: attack, code: attack });
    const html = await pageOf(error, {
      path: '/<script>?a=<script>',
      fields: ['X-A: "><script>'],
    });
    expect(html).not.toMatch(/<script|<img/);
    for (const char of ['\u202e', '\u001b', '\0']) expect(html).not.toContain(char);
    expect(plain(html)).toContain('\\u{202e}\\u{1b}[2J\\u{0}');
    const problem = await problemOf(error);
    expect(problem.exception.message).toBe(attack);
  });

  it('loads nothing, and says so in a policy of its own', async () => {
    const html = await pageOf(new Error('x'));
    expect(html).toContain(
      `http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'`,
    );
    expect(html).not.toMatch(/<(?:script|img|link|iframe|object)|\b(?:src|href)=/);
  });

  it('reads only source files that the stack names, whatever the message is [ATT-07]', async () => {
    const secret = written('secret.env', `PASSWORD=${PASSWORD}\n`);
    const source = written('other.cjs', `const password = "${PASSWORD}";\n`);
    const inMessage = new Error(`x\n    at a (${source}:1:1)\n    at b (${secret}:1:1)`);
    const page = await pageOf(inMessage);
    expect(page).not.toContain(PASSWORD);
    const changed = new Error(`x\n    at a (${secret}:1:1)\n    at b (/etc/passwd:1:1)`);
    changed.message = 'changed later';
    const changedPage = await pageOf(changed);
    expect(changedPage).not.toContain(PASSWORD);
    expect(changedPage).not.toMatch(/roo[t]:x/);
    const mapped = written(
      'mapped.cjs',
      'exports.run = () => { throw new Error("m"); };\n//# sourceMappingURL=secret.env',
    );
    expect(await pageOf(thrownBy(mapped))).not.toContain(PASSWORD);
    const map = { version: 3, sources: ['secret.env'], names: [], mappings: 'AAAA' };
    const inline = Buffer.from(JSON.stringify(map)).toString('base64');
    const lying = written(
      'lying.cjs',
      `exports.run = () => { throw new Error("m"); };\n//# sourceMappingURL=data:application/json;base64,${inline}`,
    );
    const lie = await pageOf(thrownBy(lying));
    expect(lie).toContain('secret.env:1:1');
    expect(lie).not.toContain(PASSWORD);
  });

  it.each<[string, (original: string) => string]>([
    ['before it', (original) => `wrapped: ${original}`],
    ['after it', (original) => `${original} (at a)`],
    ['around it', (original) => `wrapped: ${original} (at a)`],
    ['to another', () => 'changed'],
  ])('reads no file that a message names which the program changed %s [ATT-07]', async (_what, change) => {
    const source = written('other.cjs', `const password = "${PASSWORD}";\n`);
    const thrower = written(
      'throws.cjs',
      'exports.run = (message) => { const error = new Error(message); error.stack; return error; };',
    );
    for (const sent of [`x\n    at a (${source}:1:1)`, `x\n    at a (${source}:1:1)\ny`]) {
      const error: Error = createRequire(import.meta.url)(thrower).run(sent);
      error.message = change(error.message);
      const page = plain(await pageOf(error));
      expect(page).not.toContain(PASSWORD);
      expect(page).toContain(`${thrower}:1:`);
    }
  });

  it('shows the frames of an error whose message was changed', async () => {
    const file = written('changed.cjs', 'exports.run = () => { throw new Error("first"); };');
    const error = thrownBy(file) as Error;
    error.message = `wrapped: ${error.message}`;
    const page = plain(await pageOf(error));
    expect(page).toContain('wrapped: first');
    expect(page).toContain('1exports.run = () =>');
  });

  it.each([
    ['a missing file', 'nowhere.cjs'],
    ['a folder', 'folder.cjs'],
    ['a file of more than 1 MiB', 'large.cjs'],
    ['a device', '../../../../../../dev/zero'],
  ])('shows frames of %s without their source', async (_what, name) => {
    mkdirSync(join(folder, 'folder.cjs'), { recursive: true });
    writeFileSync(join(folder, 'large.cjs'), `// ${'x'.repeat(1 << 20)}\n`);
    const error = new Error('x');
    error.stack = `Error: x\n    at run (${join(folder, name)}:1:1)`;
    const html = await pageOf(error);
    expect(html).toContain('at run (');
    expect(html).not.toContain('<figure>');
  });

  it.each([
    '!',
    '{',
    '[]',
    '{"version":3}',
    '{"version":3,"sources":[1],"mappings":7}',
    'null',
    '{"sections":[null]}',
  ])('shows the compiled file if its source map is %j', async (map) => {
    const file = written(
      `map-${Buffer.from(map).toString('hex')}.cjs`,
      `exports.run = () => { throw new Error("m"); };\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString('base64')}`,
    );
    expect(plain(await pageOf(thrownBy(file)))).toContain('1exports.run = () =>');
  });

  it('clips long lines around the column', async () => {
    const file = written(
      'min.cjs',
      `exports.run = () => { /*${'x'.repeat(5_000)}*/ throw new Error("m"); };`,
    );
    const html = await pageOf(thrownBy(file));
    expect(html).toContain('throw <mark>new</mark> Error');
    expect(html).not.toContain('x'.repeat(400));
  });
});

describe('the error page for developers of a hostile error', () => {
  const cycle = new Error('cycle');
  cycle.cause = cycle;
  let deep: unknown = 'the end';
  for (let level = 0; level < 10_000; level += 1) deep = new Error(`level ${level}`, { cause: deep });
  const throwing = (name: string) =>
    Object.defineProperty(new Error('getter'), name, {
      get() {
        throw new Error('trap');
      },
    });
  const trap = () => {
    throw new Error('trap');
  };
  const hostile: Record<string, unknown> = {
    'a cycle of causes': cycle,
    'ten thousand causes': deep,
    'a message of 10 MB': new Error('m'.repeat(10_000_000)),
    'a message that was replaced by one of 10 MB': Object.assign(new Error('a'.repeat(10_000_000)), {
      message: 'a'.repeat(9_999_999),
    }),
    'a name of 10 MB': Object.assign(new Error('x'), { name: 'n'.repeat(10_000_000) }),
    'a stack of 10 MB': Object.assign(new Error('x'), {
      stack: `Error: x\n${'    at a (/a.js:1:1)\n'.repeat(500_000)}`,
    }),
    'a stack of one long line': Object.assign(new Error('x'), {
      stack: `Error: x\n    at ${'('.repeat(5_000_000)}`,
    }),
    'a stack that is a number': Object.assign(new Error('x'), {
      stack: 7,
      message: {},
      name: Symbol('n'),
      code: [],
    }),
    'a million members': new AggregateError(Array(1_000_000).fill(new Error('m'))),
    'members that are no array': Object.assign(new Error('x'), { errors: { length: 1e9 } }),
    'a getter for the message': throwing('message'),
    'a getter for the stack': throwing('stack'),
    'a getter for the cause': throwing('cause'),
    'a getter for the members': throwing('errors'),
    'a proxy': new Proxy(new Error('x'), { get: trap, getPrototypeOf: trap, has: trap, ownKeys: trap }),
    'an object whose inspection throws': {
      get [Symbol.toStringTag]() {
        return trap();
      },
      [Symbol.for('nodejs.util.inspect.custom')]: trap,
    },
    null: null,
    'a symbol': Symbol('s'),
    'a function': () => 1,
    'a line number beyond the file': Object.assign(new Error('x'), {
      stack: `Error: x\n    at a (${import.meta.filename}:999999999:999999999)\n    at b (${import.meta.filename}:0:0)`,
    }),
  };

  it.each(Object.entries(hostile))('is a page for %s', async (_what, error) => {
    const html = await pageOf(error);
    expect(html).toMatch(/<\/html>\n$/);
    expect(html).toContain('<h1>');
    expect(html.length).toBeLessThan(300_000);
    const problem = await problemOf(error);
    expect(problem.status).toBe(500);
    expect((await textOf(error)).length).toBeLessThan(100_000);
  });
});

describe('the setting debug', () => {
  class Refuses extends RequestHandler {
    override get(): void {
      throw new HTTPError(409, 'the row is locked', {
        detail: 'in use',
        extensions: { row: 7 },
        headers: { 'X-Why': 'test' },
      });
    }
  }
  const broken: Middleware = () => {
    throw new Error('a bug of the middleware');
  };
  const routes: RouteSpec[] = [
    ['/', Refuses],
    ['/middleware', Refuses, {}, { middleware: [broken] }],
  ];

  it('shows refusals with their status, headers and members, and errors before there is a handler [OUT-08] [APP-04]', () =>
    withApp(
      routes,
      async ({ port }) => {
        const html = await ask(port, '/', 'GET', `Accept: ${HTML}`);
        expect([statusOf(html), headerOf(html, 'X-Why')]).toEqual([409, 'test']);
        expect(bodyOf(html)).toContain(
          '<h1>HTTPError [ERR_WEB_HTTP]</h1><pre>409 Conflict: the row is locked</pre>',
        );
        const problem = JSON.parse(bodyOf(await ask(port, '/', 'GET', `Accept: ${JSON_TYPE}`)));
        expect(problem).toMatchObject({
          status: 409,
          detail: 'in use',
          row: 7,
          exception: { name: 'HTTPError', code: 'ERR_WEB_HTTP' },
        });
        const before = await ask(port, '/middleware', 'GET', `Accept: ${HTML}`);
        expect(statusOf(before)).toBe(500);
        expect(bodyOf(before)).toContain('<h1>Error</h1><pre>a bug of the middleware</pre>');
        expect(bodyOf(await ask(port, '/middleware'))).toMatch(/^Error: a bug of the middleware\n {4}at /);
        expect(bodyOf(await ask(port, '/missing', 'GET', `Accept: ${HTML}`))).toContain('404: Not Found');
      },
      { debug: true },
    ));
});

describe('without the setting', () => {
  class Fails extends RequestHandler {
    override get(): void {
      throw new Error('a secret bug', { cause: new Error('a secret cause') });
    }
    override post(): void {
      throw new HTTPError(403, 'a secret reason');
    }
  }

  it.each([HTML, JSON_TYPE, '*/*'])('no page for %s shows anything of the error [OUT-08]', (accept) =>
    withApp([['/', Fails]], async ({ port }) => {
      for (const method of ['GET', 'POST']) {
        const response = await ask(port, '/', method, `Accept: ${accept}`);
        expect(statusOf(response)).toBe(method === 'GET' ? 500 : 403);
        expect(headerOf(response, 'Content-Type')).toMatch(
          accept === JSON_TYPE ? /problem\+json/ : /text\/html/,
        );
        expect(bodyOf(response)).not.toMatch(/secret|debug-page\.test|Request<|stack/);
      }
    }),
  );
});
