import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { html, unsafeHtml } from '../../src/html/html.ts';
import type { Html } from '../../src/html/html-value.ts';
import type { TemplateHandler } from '../../src/templates/template-handler.ts';
import { TemplateModule, type TemplateResources } from '../../src/templates/template-module.ts';
import { UIModule } from '../../src/templates/ui-module.ts';
import { UIModules } from '../../src/templates/ui-modules.ts';
import { checkUiMethods, checkUiModules } from '../../src/templates/ui-settings.ts';
import { fakeHandler } from './fake-handler.ts';

const PAGE = '<head></head><body></body>';

class Plain extends UIModule {
  render(text: unknown): Html | string {
    return text as string;
  }
}

function modulesOf(setting: unknown = {}, handler: TemplateHandler = fakeHandler()): UIModules {
  return new UIModules(handler, checkUiModules(setting));
}

describe('UIModules', () => {
  it('escapes text that render returns, and keeps Html [RN-02]', async () => {
    const modules = modulesOf({ Plain });
    expect(String(modules.call(Plain, '<b>'))).toBe('&lt;b&gt;');
    expect(String(modules.call('Plain', html`<b>${'<'}</b>`))).toBe('<b>&lt;</b>');
    const later = modules.call(Plain, Promise.resolve('<'));
    expect(String(await later)).toBe('&lt;');
  });

  it.each([undefined, null, 1, {}, ['<b>']])('refuses %s as the result of render [RN-02]', async (value) => {
    const problem = 'module: render of Plain must return Html or a string, got';
    expect(() => modulesOf().call(Plain, value)).toThrow(problem);
    await expect(modulesOf().call(Plain, Promise.resolve(value))).rejects.toThrow(problem);
  });

  it('names a similar module for an unknown name [RN-02]', () => {
    const modules = modulesOf({ Plain });
    for (const use of [() => modules.call('Plian'), () => modules.calls.Plian]) {
      expect(use).toThrow('module: there is no UI module "Plian": did you mean "Plain"?');
    }
    expect(() => modules.calls.Other).toThrow('register it in the setting uiModules');
    expect(() => modules.call(Date as never)).toThrow(
      'a subclass of UIModule or the name of one was expected',
    );
  });

  it('can be inspected, awaited and printed without an error', async () => {
    const modules = modulesOf({ Plain });
    modules.call(Plain, 'x');
    expect(inspect(modules)).toContain("active: [ 'Plain' ]");
    expect(inspect(modules.calls)).toContain('Plain');
    expect(await modules.calls).toBe(modules.calls);
    expect(JSON.stringify(modules.calls)).toBe('{}');
  });

  it('places the assets in order of first use, each once [RN-02]', () => {
    class First extends Plain {
      override cssFiles = () => ['a.css', 'https://cdn.test/b.css?x=1&y="', '/c.css'];
      override embeddedCss = () => 'p {}';
      override htmlHead = () => html`<meta name="a">`;
      override javascriptFiles = () => 'a.js';
      override embeddedJavascript = () => ['one()', 'two()'];
      override htmlBody = () => html`<dialog></dialog>`;
    }
    class Second extends First {
      override cssFiles = () => ['/c.css', 'd.css'];
      override embeddedJavascript = () => ['two()', 'three()'];
    }
    class Unused extends First {
      override cssFiles = () => ['unused.css'];
    }
    const modules = modulesOf({ First, Second, Unused });
    expect(modules.insertAssets(PAGE)).toBe(PAGE);
    for (const module of [First, Second, First]) modules.call(module, '');
    expect(modules.insertAssets(PAGE)).toBe(
      '<head><link rel="stylesheet" href="/static/a.css">\n' +
        '<link rel="stylesheet" href="https://cdn.test/b.css?x=1&amp;y=&quot;">\n' +
        '<link rel="stylesheet" href="/c.css">\n<link rel="stylesheet" href="/static/d.css">\n' +
        '<style>\np {}\n</style>\n<meta name="a"></head><body><script src="/static/a.js"></script>\n' +
        '<script>\none()\n</script>\n<script>\ntwo()\n</script>\n<script>\nthree()\n</script>\n<dialog></dialog></body>',
    );
  });

  it('uses the methods of the handler for the elements, and its nonce [RN-02]', () => {
    class Both extends Plain {
      override cssFiles = () => 'a.css';
      override embeddedCss = () => 'p {}';
      override javascriptFiles = () => 'a.js';
      override embeddedJavascript = () => 'x()';
    }
    const withNonce = modulesOf({ Both }, fakeHandler({ cspNonce: 'abc+/=' }));
    withNonce.call(Both, '');
    expect(withNonce.insertAssets(PAGE).match(/ nonce="abc\+\/="/g)).toHaveLength(4);
    const own = modulesOf(
      { Both },
      fakeHandler({
        renderLinkedCss: (urls) => unsafeHtml(`[css ${urls}]`),
        renderEmbedCss: (texts) => unsafeHtml(`[style ${texts}]`),
        renderLinkedJs: (urls) => unsafeHtml(`[js ${urls}]`),
        renderEmbedJs: (texts) => unsafeHtml(`[script ${texts}]`),
      }),
    );
    own.call(Both, '');
    expect(own.insertAssets(PAGE)).toBe(
      '<head>[css /static/a.css][style p {}]</head><body>[js /static/a.js][script x()]</body>',
    );
  });

  it.each([
    ['</script>', { embeddedJavascript: () => 'x = "</SCRIPT>"' }, 'must not contain "</SCRIPT"'],
    ['<!--', { embeddedJavascript: () => 'x = "<!--"' }, 'must not contain "<!--"'],
    ['</style>', { embeddedCss: () => 'p::after { content: "</style>" }' }, 'must not contain "</style"'],
    ['a string of HTML', { htmlHead: () => '<meta>' }, 'htmlHead of Broken must return Html'],
    [
      'asynchronous HTML',
      { htmlBody: () => html`${Promise.resolve(1)}` },
      'htmlBody of Broken must return Html',
    ],
    [
      'a number',
      { cssFiles: () => 1 },
      'cssFiles of Broken must return a string, an array of strings or undefined',
    ],
    ['an array of others', { javascriptFiles: () => [1] }, 'javascriptFiles of Broken must return'],
  ])('refuses assets with %s [RN-02]', (_, methods, problem) => {
    class Broken extends Plain {}
    Object.assign(Broken.prototype, methods);
    const modules = modulesOf({ Broken });
    modules.call(Broken, '');
    expect(() => modules.insertAssets(PAGE)).toThrow(problem);
  });

  it.each(['"><script>', 'a b', 1, ''])('refuses the nonce %j', (nonce) => {
    class Styled extends Plain {
      override embeddedCss = () => 'p {}';
    }
    const modules = modulesOf({ Styled }, fakeHandler({ cspNonce: nonce as string }));
    modules.call(Styled, '');
    expect(() => modules.insertAssets(PAGE)).toThrow('cspNonce must be base64');
  });
});

describe('TemplateModule', () => {
  const template = (resources: Readonly<Record<string, TemplateResources>>) =>
    fakeHandler({
      renderString: (name, data) => {
        const { setResources } = data as { setResources(given: TemplateResources | undefined): string };
        return `<p>${setResources(resources[name])}</p>`;
      },
    });

  it('adds the resources of its templates, each once [RN-02]', () => {
    const handler = template({
      a: { cssFiles: ['a.css'], embeddedJavascript: 'a()', htmlHead: html`<meta>`, htmlBody: html`<hr>` },
      b: { cssFiles: 'b.css', embeddedCss: 'b {}', javascriptFiles: '/b.js' },
    });
    const modules = modulesOf({}, handler);
    for (const name of ['a', 'b', 'a']) expect(String(modules.call('Template', name))).toBe('<p></p>');
    expect(modules.insertAssets(PAGE)).toBe(
      '<head><link rel="stylesheet" href="/static/a.css">\n<link rel="stylesheet" href="/static/b.css">\n' +
        '<style>\nb {}\n</style>\n<meta></head><body><script src="/b.js"></script>\n<script>\na()\n</script>\n<hr></body>',
    );
  });

  it('refuses other resources for the same template, and unknown ones [RN-02]', () => {
    const resources: Record<string, TemplateResources> = { a: { cssFiles: 'a.css' } };
    const modules = modulesOf({}, template(resources));
    modules.call(TemplateModule, 'a');
    resources.a = { cssFiles: 'b.css' };
    expect(() => modules.call(TemplateModule, 'a')).toThrow(
      'the template "a" was given other resources before',
    );
    resources.b = { cssFile: 'b.css' } as TemplateResources;
    expect(() => modules.call(TemplateModule, 'b')).toThrow(
      'unknown option "cssFile": did you mean "cssFiles"?',
    );
  });

  it.each([
    ['a string', '<script>alert(1)</script>'],
    ['an object with a text', { toString: (): string => '<script>alert(1)</script>' }],
    ['a promise', Promise.resolve(html`<meta>`)],
    ['Html with a promise', html`<meta content="${Promise.resolve('a')}">`],
    ['null', null],
  ])('refuses %s as markup [RN-02] [ATT-40]', (_what, markup) => {
    for (const name of ['htmlHead', 'htmlBody']) {
      const modules = modulesOf({}, template({ a: { [name]: markup } as TemplateResources }));
      const call = () => modules.call('Template', 'a');
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_WEB_USAGE' }));
      expect(call).toThrow(`setResources: ${name} must be Html without asynchronous values, got `);
      expect(call).toThrow('make it with the tag html, with capture in Eta, or with unsafeHtml');
      expect(modules.insertAssets(PAGE)).toBe(PAGE);
    }
  });
});

describe('the settings uiMethods and uiModules', () => {
  const fn = () => 1;

  it('take an object, or several [RN-03]', () => {
    expect([...checkUiMethods([{ a: fn }, { b: fn, a: fn }]).keys()]).toEqual(['a', 'b']);
    expect([...checkUiModules({ Plain }).keys()]).toEqual(['Plain', 'Template']);
    expect([...checkUiMethods(undefined).keys()]).toEqual([]);
  });

  it.each([
    [{ _hidden: fn }, 'a name must start with a lower-case letter, got "_hidden"'],
    [{ Upper: fn }, 'a name must start with a lower-case letter, got "Upper"'],
    [{ 'a-b': fn }, 'a name must start with a lower-case letter'],
    [{ staticUrl: fn }, '"staticUrl" is built in'],
    [{ toString: fn }, '"toString" is built in'],
    // biome-ignore lint/suspicious/noThenProperty: it is refused
    [{ then: fn }, '"then" is built in'],
    [{ a: 1 }, 'a must be a function, got 1'],
    [{ a: Plain }, 'a must be a function, got the class Plain: is it one of uiModules?'],
    [[{ a: fn }, { a: () => 2 }], 'two different values for the name "a"'],
    [fn, 'uiMethods must be an object of functions by name'],
    [[null], 'uiMethods must be an object of functions by name'],
  ])('refuse the methods %j [RN-03]', (setting, problem) => {
    expect(() => checkUiMethods(setting)).toThrow(expect.objectContaining({ code: 'ERR_WEB_USAGE' }));
    expect(() => checkUiMethods(setting)).toThrow(problem);
  });

  it.each([
    [{ plain: Plain }, 'a name must start with a capital, got "plain"'],
    [{ Template: Plain }, '"Template" is built in'],
    [{ A: class {} }, 'A must be a subclass of UIModule, got the class'],
    [{ A: UIModule }, 'A must be a subclass of UIModule'],
    [{ A: new Plain(fakeHandler()) }, 'A must be a subclass of UIModule, got an object of Plain'],
    [[{ A: Plain }, { A: class extends Plain {} }], 'two different values for the name "A"'],
    ['x', 'uiModules must be an object of classes by name'],
  ])('refuse the modules %j [RN-03]', (setting, problem) => {
    expect(() => checkUiModules(setting)).toThrow(problem);
  });
});
