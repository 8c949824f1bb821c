import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const page = readFileSync(join(ROOT, 'docs/diagnostics.md'), 'utf8');

const sourcesOf = (folder: string): string[] =>
  readdirSync(join(ROOT, 'packages', folder, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(ROOT, 'packages', folder, 'src', file), 'utf8'));

const PUBLISHING = ['ioloop', 'topics', 'httpserver', 'httpclient', 'web', 'websocket'];

/** The rows of the tables: the name of a channel, and the names of types in its last column. */
function rows(): { readonly name: string; readonly type: string }[] {
  const found = page.matchAll(/^\| `(landspout\.[\w.]+)` \|.*\| `(\w+)`[^|]*\|$/gm);
  return [...found].map(([, name = '', type = '']) => ({ name, type }));
}

describe('docs/diagnostics.md', () => {
  it('lists each channel that a package publishes, and no other', () => {
    const published = PUBLISHING.flatMap((folder) =>
      sourcesOf(folder).flatMap((source) =>
        [...source.matchAll(/(?:channel\(|_CHANNEL = )'(landspout\.[\w.]+)'/g)].map(([, name]) => name),
      ),
    );
    expect(published.length).toBeGreaterThan(20);
    expect(
      rows()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(published.sort());
  });

  it('names types that the packages export from their main entries', () => {
    const exported = PUBLISHING.map((folder) =>
      readFileSync(join(ROOT, 'packages', folder, 'src/index.ts'), 'utf8'),
    ).join('\n');
    const types = [...new Set(rows().map(({ type }) => type))];
    expect(types.length).toBeGreaterThan(10);
    expect(types.filter((type) => !new RegExp(`\\b${type}\\b`).test(exported))).toEqual([]);
  });
});
