import { describe, expect, it } from 'vitest';
import { html } from '../../src/html/html.ts';
import { UIModule, type UIModuleClass } from '../../src/templates/ui-module.ts';
import { UIModules } from '../../src/templates/ui-modules.ts';
import { checkUiModules } from '../../src/templates/ui-settings.ts';
import { fakeHandler } from './fake-handler.ts';

const markup = (name: string): UIModuleClass =>
  class extends UIModule {
    render = () => '';
    override htmlHead = () => html`{${name} head}`;
    override htmlBody = () => html`{${name} body}`;
  };
const [A, B] = [markup('A'), markup('B')];

function using(...modules: readonly UIModuleClass[]): UIModules {
  const used = new UIModules(fakeHandler(), checkUiModules({}));
  for (const module of modules) used.call(module);
  return used;
}

const PAGES: readonly (readonly [page: string, expected: string])[] = [
  ['<head></head><body>x</body></html>', '<head>{A head}</head><body>x{A body}</body></html>'],
  ['<HEAD></HEAD ><BODY>x</BODY\n>', '<HEAD>{A head}</HEAD ><BODY>x{A body}</BODY\n>'],
  ['<head></head>a</body>b</body>c', '<head>{A head}</head>a</body>b{A body}</body>c'],
  ['<head></head></head></body>', '<head>{A head}</head></head>{A body}</body>'],
  ['<header></header><body>x</body>', '<header></header><body>x{A head}{A body}</body>'],
  ['<head></head><p>no end', '<head>{A head}</head><p>no end{A body}'],
  ['x</body></head>', 'x{A head}{A body}</body></head>'],
  ['only text </bod', 'only text </bod{A head}{A body}'],
  ['a < b </ c </he', 'a < b </ c </he{A head}{A body}'],
  ['', '{A head}{A body}'],
];

describe('insertAssets', () => {
  it.each(PAGES)('places assets in %j [RN-02]', (page, expected) => {
    expect(using(A).insertAssets(page)).toBe(expected);
  });
});

describe('PageAssetsStream', () => {
  it.each(PAGES)('places the same assets in %j, however it is split [RN-02]', (page, expected) => {
    const splits = Array.from({ length: page.length + 1 }, (_, at) => [page.slice(0, at), page.slice(at)]);
    for (const pieces of [...splits, [...page]]) {
      const stream = using(A).streamAssets();
      const sent = pieces.map((piece) => stream.push(piece)).join('');
      expect(sent + stream.end(), pieces.join('|')).toBe(expected);
    }
  });

  it('places what becomes known after the head before the end of the body [RN-02]', () => {
    const modules = using(A);
    const stream = modules.streamAssets();
    expect(stream.push('<head></head><body>')).toBe('<head>{A head}</head><body>');
    modules.call(B);
    expect(stream.push('late</body>')).toBe('late');
    expect(stream.push('\n</html>')).toBe('');
    expect(stream.end()).toBe('{B head}{A body}{B body}</body>\n</html>');
    expect(stream.end()).toBe('');
  });

  it('passes text on at once, except what may be the start of an end tag', () => {
    const stream = using(A).streamAssets();
    expect(stream.push('<head></h')).toBe('<head>');
    expect(stream.push('1>x</h')).toBe('</h1>x');
    expect(stream.push('ead')).toBe('');
    expect(stream.push('>')).toBe('{A head}</head>');
    expect(stream.push('<')).toBe('');
    expect(stream.push('b>')).toBe('<b>');
  });

  it('holds at most 16 KiB after the end of the body', () => {
    const stream = using(A).streamAssets();
    const after = 'x'.repeat(16 * 1024);
    expect(stream.push('<head></head>a</body>')).toBe('<head>{A head}</head>a');
    expect(stream.push(after)).toBe(`</body>${after}`);
    expect(stream.push('b</body>')).toBe('b');
    expect(stream.end()).toBe('{A body}</body>');
  });

  it('does nothing but pass on a page without modules', () => {
    const stream = using().streamAssets();
    expect(stream.push('<head></head>x</body>') + stream.end()).toBe('<head></head>x</body>');
  });
});
