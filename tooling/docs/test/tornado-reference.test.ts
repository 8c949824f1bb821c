import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readApi, readReference, referenceProblems } from '../tornado-reference.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const API = path.join(ROOT, 'docs/api');

const api = readApi([
  `## @a/streams

\`\`\`ts
class Stream extends Base<string>
  readonly name: string
  static open(): Stream
\`\`\`

## Not exported, but part of the types above

\`\`\`ts
abstract class Base<T>
  get size(): number
\`\`\`
`,
  `## a
Stream (from @a/streams)

## a/streams
Stream (from @a/streams)
`,
]);

const NAMES = ['tornado.io module', 'tornado.io.Stream class', 'tornado.io.Stream.size method'];

/** The problems of a table with one section. */
function problems(...rows: readonly string[]): string[] {
  const page = ['## tornado.io', '', '| Tornado | Ours | Notes |', '| --- | --- | --- |', ...rows].join('\n');
  return referenceProblems(readReference(page), NAMES, api);
}

describe('referenceProblems', () => {
  it('accepts a table with each name, whose own names are exported, with their members', () => {
    expect(
      problems('| `Stream`, `Stream.size` | `Stream`, `Stream.size`, `Stream.open` (`a/streams`) | x |'),
    ).toEqual([]);
  });

  it('reports names that are missing, twice there, or unknown', () => {
    expect(problems('| `Stream` | None | x |', '| `Stream`, `Other` | None | x |')).toEqual([
      'line 6: tornado.io.Stream is in line 5 too',
      'tornado.io.Stream.size is missing',
      'line 6: Tornado has no tornado.io.Other',
    ]);
  });

  it('reports names of ours that are not exported, not members, or from no entry point', () => {
    const row =
      '| `Stream`, `Stream.size` | `Base` (`a/streams`), `Stream.close` (`a/streams`), `X` (`b`) | |';
    expect(problems(row)).toEqual([
      'line 5: a/streams does not export Base',
      'line 5: Stream has no member close',
      'line 5: b is no entry point',
    ]);
  });

  it('wants a reason if there is no counterpart', () => {
    expect(problems('| `Stream`, `Stream.size` | None | |')).toEqual(['line 5: None needs a reason']);
  });

  it('refuses a second cell of another form', () => {
    expect(() => problems('| `Stream` | see below | |')).toThrow('line 5: the second cell has names');
  });
});

describe('the reference of the guide for Tornado users', () => {
  it('has each public name of Tornado, and names of ours that exist', () => {
    const page = readFileSync(path.join(ROOT, 'docs/tornado-guide/reference.md'), 'utf8');
    const names = readFileSync(path.join(ROOT, 'tooling/docs/tornado-names.txt'), 'utf8').trim().split('\n');
    const pages = readdirSync(API).map((name) => readFileSync(path.join(API, name), 'utf8'));
    expect(names.length).toBeGreaterThan(500);
    expect(referenceProblems(readReference(page), names, readApi(pages))).toEqual([]);
  });
});
