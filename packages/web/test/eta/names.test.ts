import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { EtaEngine } from '../../src/eta/index.ts';
import { Views } from './views.ts';

const SECRET = 'the secret';

function site(): Views {
  return new Views({
    'views/page.eta': 'page',
    'views/users/list.eta': 'list',
    'views/notes.txt': SECRET,
    'secret.eta': SECRET,
  });
}

describe('the name of a template', () => {
  it.each([
    '../secret',
    '../secret.eta',
    'users/../../secret',
    'users/../page',
    '..',
    '.',
    '',
    '/',
    'users/',
    '/page',
    '/etc/passwd',
    '..\\secret',
    'page\0',
    'page\0.eta',
    'users\\list',
    'page\n',
    'a'.repeat(501),
    `${'../'.repeat(200)}etc/passwd`,
  ])('%j is refused [ATT-47] [TP-08]', (name) => {
    using folder = site();
    const engine = new EtaEngine({ views: folder.path('views') });
    const refused = expect.objectContaining({ code: 'ERR_WEB_TEMPLATE', template: undefined });
    expect(() => engine.render(name, {})).toThrow(refused);
  });

  it.each([undefined, null, 1, {}, ['page'], Symbol('page')])('%s is refused', (name) => {
    using folder = site();
    const engine = new EtaEngine({ views: folder.path('views') });
    expect(() => engine.render(name as string, {})).toThrow('the name of a template must be a string');
  });

  it('must be below the views folder also in an include, where it may have ".." [ATT-47] [TP-04]', () => {
    using folder = site().write({
      'views/users/up.eta': '<%~ include("../page") %>',
      'views/users/out.eta': '<%~ include("../../secret") %>',
      'views/users/root.eta': '<%~ include("/../secret") %>',
      'views/users/given.eta': '<%~ include(it.name) %>',
    });
    const engine = new EtaEngine({ views: folder.path('views') });
    expect(engine.render('users/up', {})).toBe('page');
    const refused = 'the name of a template must not leave the views folder';
    expect(() => engine.render('users/out', {})).toThrow(refused);
    expect(() => engine.render('users/root', {})).toThrow(refused);
    expect(() => engine.render('users/given', { name: '../../secret' })).toThrow(
      `users/given.eta:1: ${refused}`,
    );
  });

  it('has the extension, so that no other file is read [ATT-47]', () => {
    using folder = site();
    const engine = new EtaEngine({ views: folder.path('views') });
    expect(engine.render('page', {})).toBe('page');
    expect(engine.render('page.eta', {})).toBe('page');
    expect(engine.render('./users//list', {})).toBe('list');
    expect(() => engine.render('notes.txt', {})).toThrow('there is no template "notes.txt.eta"');
  });

  it.each([true, false])('does not follow links out of the views folder (cache: %s) [ATT-47]', (cache) => {
    using folder = site();
    const views = folder.path('views');
    symlinkSync(folder.path('secret.eta'), path.join(views, 'link.eta'));
    symlinkSync(folder.folder, path.join(views, 'up'));
    symlinkSync(path.join(views, 'users'), path.join(views, 'people'));
    const engine = new EtaEngine({ views, cache });
    const refused = 'is a link out of the views folder';
    expect(() => engine.render('link', {})).toThrow(refused);
    expect(() => engine.render('up/secret', {})).toThrow(refused);
    expect(engine.render('people/list', {})).toBe('list');
  });

  it('must be that of a regular file', () => {
    using folder = site();
    mkdirSync(folder.path('views/dir.eta'));
    execFileSync('mkfifo', [folder.path('views/pipe.eta')]);
    const engine = new EtaEngine({ views: folder.path('views') });
    for (const name of ['dir', 'pipe'])
      expect(() => engine.render(name, {})).toThrow('is not a regular file');
  });
});

describe('a missing template', () => {
  it('is reported with the file, the folder and a similar name [TP-08]', () => {
    using folder = site();
    const views = folder.path('views');
    const engine = new EtaEngine({ views });
    expect(() => engine.render('users/lists', {})).toThrow(
      `there is no template "users/lists.eta" in "${views}": did you mean "users/list.eta"?`,
    );
    expect(() => engine.render('quite/different/from/all', {})).toThrow(/in "[^"]*"$/);
    expect(() => engine.render('page.eta/x', {})).toThrow('there is no template');
  });

  it('is reported with the line of the include [TP-08]', () => {
    using folder = site().write({ 'views/a.eta': '\n<%~ include("pag") %>' });
    const engine = new EtaEngine({ views: folder.path('views') });
    expect(() => engine.render('a', {})).toThrow(
      /^a\.eta:2: there is no template "pag\.eta" in .*"page\.eta"\?$/,
    );
  });
});

describe('the options of EtaEngine', () => {
  it.each([
    [
      { views: '/does/not/exist' },
      'views must be the path of a folder that can be read, got "/does/not/exist" (ENOENT)',
    ],
    [{ views: process.execPath }, '(ENOTDIR)'],
    [{ views: '' }, 'views must be the path of a folder, got "" (an empty string)'],
    [{}, 'views must be the path of a folder, got undefined'],
    [{ views: 1 }, 'views must be the path of a folder, got 1'],
    [{ views: '.', view: 'x' }, 'unknown option "view": did you mean "views"?'],
    [{ views: '.', extension: 'eta' }, "extension: one such as '.eta' was expected"],
    [{ views: '.', cache: 1 }, 'cache: true or false was expected'],
    [{ views: '.', maxDepth: 0 }, 'maxDepth: a whole number of 1 to 1000'],
    [{ views: '.', tags: ['<%', '<%'] }, 'tags: two different delimiters'],
    [{ views: '.', autoTrim: 'both' }, "autoTrim: 'nl', 'slurp' or false"],
    [{ views: '.', whitespace: 'none' }, "whitespace: 'all' or 'single' or 'oneline' was expected"],
    [{ views: '.', varName: 'a b' }, 'varName must be a name of JavaScript'],
    [{ views: '.', varName: 'include' }, 'which is built in'],
    [{ views: '.', plainText: '.txt' }, 'plainText: an array of endings'],
    [{ views: '.', functions: { include: () => 1 } }, 'must not be "include", which is built in'],
    [{ views: '.', functions: { class: () => 1 } }, 'must be a name of JavaScript'],
    [{ views: '.', functions: { 'a=evil()': () => 1 } }, 'must be a name of JavaScript'],
    [{ views: '.', functions: { money: 1 } }, 'functions: money must be a function, got 1'],
    [{ views: '.', functions: null }, 'functions: an object of functions was expected'],
    [{ templates: {} }, 'templates: the default export of a module of precompileTemplates was expected'],
    [{ templates: { format: 9, templates: {} } }, 'generate them again'],
    [
      { templates: { format: 1, extension: '.eta', functions: [], templates: {} }, views: '.' },
      'views must not be given',
    ],
    [
      { templates: { format: 1, extension: '.eta', functions: ['money'], templates: {} } },
      'functions must have money, which the generated templates may call',
    ],
    [
      {
        templates: { format: 1, extension: '.eta', functions: [], templates: {} },
        functions: { money: () => 1 },
      },
      'generated without the function money: generate them with landspout precompile --function money',
    ],
  ])('%j is refused when the engine is created', (options, problem) => {
    const create = () => new EtaEngine(options as object);
    expect(create).toThrow(expect.objectContaining({ code: 'ERR_WEB_USAGE' }));
    expect(create).toThrow(`EtaEngine: `);
    expect(create).toThrow(problem);
  });
});
