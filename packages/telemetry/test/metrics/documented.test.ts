import { readFileSync } from 'node:fs';
import { HTTPServer } from '@landspout/httpserver';
import { Runs, Topics } from '@landspout/topics';
import { describe, expect, it } from 'vitest';
import { instrument, Metrics } from '../../src/index.ts';

const PAGE = readFileSync(new URL('../../../../docs/metrics.md', import.meta.url), 'utf8');

/** The metrics in the tables of the page. `_open` after a name stands for the one that ends so instead. */
function documentedNames(): Set<string> {
  const names = new Set<string>();
  for (const [, cell = ''] of PAGE.matchAll(/^\| (`[a-z_`, ]+`) \|/gm)) {
    let before = '';
    for (const [, name = ''] of cell.matchAll(/`([a-z_]+)`/g)) {
      names.add(name.startsWith('_') ? before.replace(/_total$/, name) : name);
      before = name;
    }
  }
  return names;
}

describe('docs/metrics.md', () => {
  it('lists each metric of instrument with its labels, and no other', async () => {
    await using topics = new Topics();
    await using runs = new Runs();
    const metrics = new Metrics();
    using _instrumentation = instrument(metrics, { server: new HTTPServer(() => {}), topics, runs });
    const families = (await metrics.read()).filter(({ name }) => !name.startsWith('metrics_'));
    const documented = [...documentedNames()].filter((name) =>
      /^(?:http|websocket|topics|runs?|event_loop|process|nodejs)_/.test(name),
    );
    expect(documented.sort()).toEqual(families.map(({ name }) => name).sort());
    for (const { name, labelNames } of families.filter(({ labelNames }) => labelNames.length > 0)) {
      const shown = labelNames.map((label) => `\`${label}\``).join(', ');
      const row = PAGE.split('\n').find((line) => line.startsWith('| `') && line.includes(shortName(name)));
      expect(row, name).toContain(`| ${shown} |`);
    }
  });
});

/** How the name is in the table. */
function shortName(name: string): string {
  return name.endsWith('connections_open') ? name.replace(/_open$/, '_total`, `_open`') : `\`${name}\``;
}
