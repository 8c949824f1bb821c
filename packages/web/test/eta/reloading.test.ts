import { utimesSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Views } from './views.ts';

const FILES = {
  'page.eta': '<% layout("base") %><%~ include("part") %>',
  'part.eta': 'part 1',
  'base.eta': 'base 1 <%~ it.body %>',
};

describe('in development', () => {
  it('a change of the template, a part or the layout is seen at once', () => {
    using views = new Views(FILES);
    const engine = views.engine();
    engine.configure({ debug: true });
    expect(engine.render('page', {})).toBe('base 1 part 1');
    // Same size, and the same time stamp where the system is coarse.
    views.write({ 'part.eta': 'part 2' });
    expect(engine.render('page', {})).toBe('base 1 part 2');
    views.write({ 'base.eta': 'base 2 <%~ it.body %>' });
    expect(engine.render('page', {})).toBe('base 2 part 2');
    views.write({ 'page.eta': 'alone' });
    expect(engine.render('page', {})).toBe('alone');
  });

  it('a change that keeps the time of modification is seen', () => {
    using views = new Views({ 'page.eta': 'one' });
    const engine = views.engine({ cache: false });
    const past = new Date('2020-01-01T00:00:00Z');
    utimesSync(views.path('page.eta'), past, past);
    expect(engine.render('page', {})).toBe('one');
    views.write({ 'page.eta': 'two' });
    utimesSync(views.path('page.eta'), past, past);
    expect(engine.render('page', {})).toBe('two');
  });

  it('a template may appear, disappear and be broken for a while', () => {
    using views = new Views(FILES);
    const engine = views.engine({ cache: false });
    expect(() => engine.render('new', {})).toThrow('there is no template');
    views.write({ 'new.eta': 'new <%~ include("part") %>' });
    expect(engine.render('new', {})).toBe('new part 1');
    views.write({ 'part.eta': '<% } %>' });
    expect(() => engine.render('new', {})).toThrow(/^part\.eta:1: .*\(included from new\.eta:1\)$/);
    views.write({ 'part.eta': 'fine' });
    expect(engine.render('new', {})).toBe('new fine');
    views.remove('part.eta');
    expect(() => engine.render('new', {})).toThrow('new.eta:1: there is no template "part.eta"');
  });
});

describe('in production', () => {
  it('templates are read once', () => {
    using views = new Views(FILES);
    const engine = views.engine();
    engine.configure({ debug: false });
    expect(engine.render('page', {})).toBe('base 1 part 1');
    for (const name of Object.keys(FILES)) views.remove(name);
    expect(engine.render('page', {})).toBe('base 1 part 1');
    expect(inspect(engine)).toContain('templates: 3');
  });

  it('templates are read for each use if the engine was told so, and once with debug if it was told that', () => {
    using views = new Views({ 'page.eta': '1' });
    const [fresh, cached] = [views.engine({ cache: false }), views.engine({ cache: true })];
    fresh.configure({ debug: false });
    cached.configure({ debug: true });
    for (const engine of [fresh, cached]) expect(engine.render('page', {})).toBe('1');
    views.write({ 'page.eta': '2' });
    expect(fresh.render('page', {})).toBe('2');
    expect(cached.render('page', {})).toBe('1');
  });

  it('an engine of several applications does not cache if one of them is in debug mode', () => {
    using views = new Views({ 'page.eta': '1' });
    const engine = views.engine();
    for (const debug of [false, true, false]) engine.configure({ debug });
    expect(engine.render('page', {})).toBe('1');
    views.write({ 'page.eta': '2' });
    expect(engine.render('page', {})).toBe('2');
  });
});

describe('100 concurrent renderings', () => {
  it('do not mix their namespaces, blocks and output [TP-09]', async () => {
    using views = new Views({
      'page.eta':
        '<% layout("base", { title: it.n }) %><% await it.wait() %><% await blockAsync("a", async () => { %>' +
        '<%= it.n %>:<% await it.wait() %><%~ await includeAsync("part", { m: it.n * 2 }) %><% }) %>',
      'part.eta': '<% await it.wait() %><%= it.n %>-<%= it.m %>',
      'base.eta': '<% await it.wait() %>[<%= it.title %>|<%~ block("a") %>|<%= it.n %>]',
    });
    const engine = views.engine();
    const count = 100;
    const numbers = Array.from({ length: count }, (_, n) => n);
    // Each waits for another number of microtasks and turns of the loop.
    const pages = numbers.map((n) =>
      engine.render('page', {
        n,
        wait: async () => {
          for (let turn = 0; turn < (n * 7) % 5; turn += 1) await new Promise(setImmediate);
        },
      }),
    );
    expect(await Promise.all(pages)).toEqual(numbers.map((n) => `[${n}|${n}:${n}-${2 * n}|${n}]`));
  });
});
