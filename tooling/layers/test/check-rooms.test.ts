import { describe, expect, it } from 'vitest';
import { checkRooms } from '../check-rooms.mjs';

/** Sources of a package `p`, each with what it imports; a type where the name ends in `!`. */
function sources(files: Record<string, readonly string[]>) {
  return Object.entries(files).map(([file, imports]) => ({
    file: `packages/p/src/${file}`,
    imports: imports.map((name, at) => ({
      specifier: name.replace('!', ''),
      typeOnly: name.endsWith('!'),
      line: at + 1,
    })),
  }));
}

const order = ['low', 'low/deep', 'high'];
const messages = (files: Record<string, readonly string[]>, knownCycles: string[][] = []) =>
  checkRooms('p', sources(files), { order, knownCycles }).map(({ where, message }) => `${where}: ${message}`);

describe('checkRooms', () => {
  it('accepts imports of the own room, of rooms below and, in the door, of all', () => {
    expect(
      messages({
        'index.ts': ['./high/a.ts', './low/b.ts'],
        'low/index.ts': ['./deep/d.ts', './b.ts'],
        'high/a.ts': ['./c.ts', '../low/index.ts', '../low/deep/d.ts!'],
        'high/c.ts': ['node:net'],
        'low/deep/d.ts': ['../b.ts'],
        'low/b.ts': [],
      }),
    ).toEqual([]);
  });

  it('reports an import of a room above, also of a type alone', () => {
    expect(messages({ 'low/b.ts': ['../high/a.ts!'], 'low/c.ts': ['./deep/d.ts'] })).toEqual([
      'packages/p/src/low/b.ts:1: the room low imports ../high/a.ts of high, which is above it',
      'packages/p/src/low/c.ts:1: the room low imports ./deep/d.ts of low/deep, which is above it',
    ]);
  });

  it('accepts an import of a type alone of a room above within a known cycle', () => {
    const cycle = { 'low/a.ts': ['../high/b.ts!'], 'high/b.ts': ['../low/a.ts'] };
    expect(messages(cycle, [['low/a.ts', 'high/b.ts']])).toEqual([]);
    const byValue = { ...cycle, 'low/a.ts': ['../high/b.ts'] };
    expect(messages(byValue, [['low/a.ts', 'high/b.ts']])).toEqual([
      'packages/p/src/low/a.ts:1: the room low imports ../high/b.ts of high, which is above it',
    ]);
  });

  it('reports a folder that is no room', () => {
    expect(messages({ 'attic/a.ts': [] })).toEqual([
      'packages/p/src/attic/a.ts: is in no room: add its folder to ROOMS',
    ]);
  });

  it('reports files that reach each other by types, unless they are known, and known ones that no longer do', () => {
    const cycle = { 'low/a.ts': ['./b.ts'], 'low/b.ts': ['./c.ts!'], 'low/c.ts': ['./a.ts!'] };
    const known = ['low/c.ts', 'low/a.ts', 'low/b.ts'];
    expect(messages(cycle)).toEqual([
      'packages/p/src/low/a.ts: files import each other, types counted: low/a.ts, low/b.ts, low/c.ts',
    ]);
    expect(messages(cycle, [known])).toEqual([]);
    expect(messages({ ...cycle, 'low/c.ts': [] }, [known])).toEqual([
      'packages/p/src: a known cycle is gone: delete low/a.ts,low/b.ts,low/c.ts from ROOMS',
    ]);
  });
});
