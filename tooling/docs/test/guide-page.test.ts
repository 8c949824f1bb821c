import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fillPage } from '../guide-page.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PAGES = path.join(ROOT, 'docs/tornado-guide');
const PROGRAMS = path.join(ROOT, 'apps/examples/tornado-guide');

const read = (file: string) => `the text of ${file}\n`;

describe('fillPage', () => {
  it('writes both programs of a pair between its markers', () => {
    const { text, files } = fillPage('a\n<!-- pair:begin b/c -->\n<!-- pair:end -->\nd\n', read);
    expect(files).toEqual(['b/c.py', 'b/c.ts']);
    expect(text).toContain('\n```python\nthe text of b/c.py\n```\n');
    expect(text).toContain('\n```ts\nthe text of b/c.ts\n```\n');
    expect(text).toContain('<a href="../../apps/examples/tornado-guide/b/c.ts">c.ts</a>');
    expect(text).toMatch(/^a\n<!-- pair:begin b\/c -->\n<table>/);
    expect(text).toMatch(/<\/table>\n<!-- pair:end -->\nd\n$/);
  });

  it('replaces what it wrote before', () => {
    const page =
      '<!-- pair:begin a/b -->\n<!-- pair:end -->\n<!-- pair:begin c.html c.eta -->\n<!-- pair:end -->\n';
    const once = fillPage(page, read);
    expect(once.files).toEqual(['a/b.py', 'a/b.ts', 'c.html', 'c.eta']);
    expect(fillPage(once.text, read)).toEqual(once);
  });

  it('names no framework above two files of one type', () => {
    const { text } = fillPage('<!-- pair:begin a.csv b.csv -->\n<!-- pair:end -->\n', read);
    expect(text).toContain('<th><a href="../../apps/examples/tornado-guide/a.csv">a.csv</a></th>');
  });

  it('refuses a marker without its other one', () => {
    expect(() => fillPage('<!-- pair:begin a/b -->\n', read)).toThrow('1 markers make 0 pairs');
  });
});

describe('the guide for Tornado users', () => {
  it('has the programs as they are', () => {
    const script = path.join(ROOT, 'tooling/docs/guide.mjs');
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('shows each program on one page', () => {
    const pages = readdirSync(PAGES).filter((name) => name.endsWith('.md'));
    const shown = pages.flatMap((page) => fillPage(readFileSync(path.join(PAGES, page), 'utf8'), read).files);
    const there = readdirSync(PROGRAMS, { recursive: true, encoding: 'utf8' });
    const programs = there.filter((file) => /\.(?:py|ts)$/.test(file) && !file.includes('__pycache__'));
    expect(shown.filter((file) => /\.(?:py|ts)$/.test(file)).sort()).toEqual(programs.sort());
  });
});
