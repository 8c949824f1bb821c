import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { EtaEngine, type PrecompiledTemplates, precompileTemplates } from '../../src/eta/index.ts';
import { type Files, Views } from './views.ts';

const DIST = fileURLToPath(new URL('../../dist/eta/index.js', import.meta.url));

/** Every kind of template. All of them are rendered as pages. */
const FILES: Files = {
  'base.eta':
    '<title><%~ block("title", () => { %>Site<% }) %></title><%~ it.body ?? "" %><%~ block("main") %>',
  'section.eta': '<% layout("base") %><% block("title", () => { %>Section: <%~ block("sub") %><% }) %>s',
  'pages/home.eta':
    '<% layout("/section") %><% block("sub", () => { %><%= it.title %><% }) %>\n' +
    '<% block("main", () => { %><% for (const n of it.list) { // each %>\n<li><%= n %><%~ include("../part", { n }) %>\n' +
    '<% } %><% }) %>home',
  'part.eta': '[<%= it.n %>|<%= it.title %>|<%~ it.title %>]',
  'late.eta': '<%= await Promise.resolve(it.title) %><%~ await includeAsync("part", { n: 1 }) %>',
  'late-page.eta':
    '<% layout("base") %><% await blockAsync("main", async () => { %><%~ await includeAsync("late") %><% }) %>',
  'functions.eta':
    '<%= money(it.list[0]) %><script><%= jsonScript(it.title) %></script><%= capture(() => { %>c<% }) %>',
  'switch.eta': '<% switch (it.list.length) { %>\n<% case 3: %>three<% break %>\n<% default: %>?<% } %>',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it must be printed as it is
  'mail.txt.eta': 'Dear <%= it.title %>,\r\n\u2028 "quoted" \\ `ticks` ${no} \'single\'',
  'empty.eta': '',
  'comments.eta':
    '<!-- a --><% /* <!-- */ // -->\n let n = 2; while (n --> 0) { %>\n--> <%= "<!--" + `<!--\n-->` %><% } %>' +
    '<%= /(?<!-->|<!--[<!--][-->])x/.test("x") /* \n\n */ %>',
  'awaits.eta':
    '<% for await (const n of it.list) { %><%= await(n) %><% } var it; %><%= { await: "await" }.await %>' +
    '<%= await (async () => await [await 1])() %><%= it.title %><%= arguments.length %>',
  'names/quoted " name.eta': 'quoted',
};
const NAMES = Object.keys(FILES);
const OPTIONS = { plainText: ['.txt.eta'], whitespace: 'single' } as const;
const NAMESPACE = { title: '<T & "t">', list: [1, 2, 3] };
const functions = { money: (value: number) => `${value} €` };

async function imported(source: string): Promise<{ readonly default: PrecompiledTemplates }> {
  return await import(`data:text/javascript,${encodeURIComponent(source)}`);
}

/** Renders all pages with the engine of a program that runs with `node` and these options. */
async function renderedByProgram(views: Views, nodeOptions: readonly string[]): Promise<unknown> {
  if (!existsSync(DIST)) throw new Error(`${DIST} is not built: pnpm build`);
  const program = `
    import vm from 'node:vm';
    import { EtaEngine } from ${JSON.stringify(pathToFileURL(DIST).href)};
    import templates from './views.mjs';
    for (const name of ['compileFunction', 'Script', 'runInThisContext']) vm[name] = () => { throw new Error(name) };
    const engine = new EtaEngine({ templates, functions: { money: (value) => value + ' €' } });
    const pages = {};
    for (const name of ${JSON.stringify(NAMES)}) pages[name] = await engine.render(name, ${JSON.stringify(NAMESPACE)});
    let refused = false;
    try { new Function('return 1') } catch { refused = true }
    console.log(JSON.stringify({ pages, refused }));`;
  writeFileSync(views.path('program.mjs'), program);
  const { stdout } = await promisify(execFile)(process.execPath, [...nodeOptions, views.path('program.mjs')]);
  return JSON.parse(stdout);
}

describe('precompileTemplates', () => {
  it('gives the same pages as the files do [TP-08]', async () => {
    using views = new Views(FILES);
    const module = await imported(
      precompileTemplates({ views: views.folder, functions: ['money'], ...OPTIONS }),
    );
    const files = views.engine({ functions, ...OPTIONS });
    for (const templates of [module, module.default]) {
      const precompiled = new EtaEngine({ templates, functions });
      expect(precompiled.load()).toBe(NAMES.length);
      for (const name of NAMES) {
        const page = await files.render(name, NAMESPACE);
        expect(await precompiled.render(name, NAMESPACE), name).toBe(page);
      }
    }
  });

  it('needs no code generation at run time [TP-08]', async () => {
    using views = new Views(FILES);
    const source = precompileTemplates({ views: views.folder, functions: ['money'], ...OPTIONS });
    writeFileSync(views.path('views.mjs'), source);
    const files = views.engine({ functions, ...OPTIONS });
    const pages: Record<string, string> = {};
    for (const name of NAMES) pages[name] = await files.render(name, NAMESPACE);
    const options = ['--disallow-code-generation-from-strings'];
    expect(await renderedByProgram(views, options)).toEqual({ pages, refused: true });
  });

  it('resolves names as the files do, and names a similar template [TP-08] [ATT-47]', async () => {
    using views = new Views(FILES);
    const module = await imported(precompileTemplates({ views: views.folder, functions: ['money'] }));
    const engine = new EtaEngine({ templates: module, functions });
    expect(engine.render('part', { n: 1 })).toBe('[1||]');
    expect(() => engine.render('parts', {})).toThrow(
      `there is no template "parts.eta" among the ${NAMES.length} generated ones: did you mean "part.eta"?`,
    );
    for (const name of ['../part', '/part', 'constructor', '__proto__', 'pages/../part']) {
      expect(() => engine.render(name, {})).toThrow(expect.objectContaining({ code: 'ERR_WEB_TEMPLATE' }));
    }
  });

  it('is the same for the same folder, and holds no path of this machine', () => {
    using views = new Views(FILES);
    const source = precompileTemplates({ views: views.folder, functions: ['money'] });
    expect(precompileTemplates({ views: views.folder, functions: ['money'] })).toBe(source);
    expect(source).not.toContain(path.basename(views.folder));
  });

  it('refuses a folder with an invalid template, with its line [TP-03]', () => {
    using views = new Views({ ...FILES, 'a/broken.eta': '\n<% } %>' });
    expect(() => precompileTemplates({ views: views.folder, functions: ['money'] })).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_TEMPLATE', template: 'a/broken.eta', line: 2 }),
    );
  });

  it.each([
    ['a comment of HTML', '\n<% const a = 1 <!-- x\n %>A<%= a %>'],
    ['the end of a comment of HTML', '<% let a = 1\n--> x\n %>A'],
    ['await as a name', '\n<% const f = (await) => await %>A'],
  ])('refuses %s, which modules do not allow [TP-03] [TP-08]', (_what, text) => {
    using views = new Views({ 'a/page.eta': text });
    const place = { code: 'ERR_WEB_TEMPLATE', template: 'a/page.eta', line: 2 };
    expect(() => precompileTemplates({ views: views.folder })).toThrow(expect.objectContaining(place));
    expect(() => views.engine().render('a/page', {})).toThrow(expect.objectContaining(place));
  });

  it.each([
    [
      { views: '/does/not/exist' },
      'precompileTemplates: views must be the path of a folder that can be read',
    ],
    [{ views: '.', functions: 'money' }, 'functions: an array of names was expected'],
    [{ views: '.', functions: ['a b'] }, 'the name of a function must be a name of JavaScript'],
    [{ views: '.', cache: true }, 'unknown option "cache"'],
  ])('refuses %j', (options, problem) => {
    expect(() => precompileTemplates(options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_USAGE' }),
    );
    expect(() => precompileTemplates(options as never)).toThrow(problem);
  });
});
