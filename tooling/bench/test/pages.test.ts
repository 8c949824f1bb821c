import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { html } from '@landspout/web';
import { Eta } from 'eta';
import { html as htmlOfHono } from 'hono/html';
import { describe, expect, it } from 'vitest';
import { OUTPUT_SCENES } from '../tables/web-output.mjs';
import { pageWith } from '../web/output/html-page.mjs';

const [VIEWS, TEMPLATES] = ['views', 'templates'].map((name) =>
  fileURLToPath(new URL(`../web/output/${name}`, import.meta.url)),
);
const { data } = OUTPUT_SCENES.page[1].ask;
const EXPECTED = String(pageWith(html)(data));
const TORNADO = `
import json, sys
from tornado import template
loader = template.Loader(sys.argv[1], whitespace="all")
sys.stdout.buffer.write(loader.load("page.html").generate(**json.loads(sys.argv[2])))
`;

describe('the page of the section page', () => {
  it('has 50 rows, some of them with text that must be escaped', () => {
    expect(EXPECTED.match(/<tr class="(in-stock|sold-out)">/g)).toHaveLength(50);
    expect(EXPECTED).toContain('>Washers &lt;M6&gt; no. 1</a>');
    expect(EXPECTED).toContain('<a href="/items/1004?from=list">&quot;Quick&quot; clamp no. 4</a>');
  });

  it("has the same bytes by Hono's html helper", () => {
    expect(String(pageWith(htmlOfHono)(data))).toBe(EXPECTED);
  });

  it('has the same bytes by Eta', () => {
    expect(new Eta({ views: VIEWS }).render('page', data)).toBe(EXPECTED);
  });

  it('has the same bytes by Tornado, if that is installed', () => {
    const run = (code: string, ...args: string[]) =>
      spawnSync('/usr/bin/python3', ['-c', code, ...args], { encoding: 'utf8' });
    if (run('import tornado').status !== 0) return;
    expect(run(TORNADO, TEMPLATES ?? '', JSON.stringify(data)).stdout).toBe(EXPECTED);
  });
});
