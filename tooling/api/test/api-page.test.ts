import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { apiPage, listExports } from '../api-page.mjs';
import { type Declared, ExportReader, type Exports } from '../read-exports.mjs';

/** What `use` makes of the exports of `index.d.ts` beside these files; `@p/low` is a package of ours. */
function reading<T>(files: Record<string, string>, use: (exports: Exports, hidden: Declared[]) => T): T {
  const root = mkdtempSync(path.join(tmpdir(), 'landspout-api-'));
  try {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
      writeFileSync(path.join(root, file), text);
    }
    const reader = new ExportReader(new Map([['@p/low', path.join(root, 'low.d.ts')]]));
    const exports = reader.read(path.join(root, 'index.d.ts'));
    return use(exports, reader.findHidden(exports.values()));
  } finally {
    rmSync(root, { recursive: true });
  }
}

const list = (files: Record<string, string>) => reading(files, listExports);

describe('listExports', () => {
  it('lists a function with each overload, without comments and line breaks', () => {
    const text = `
      /** Opens — in one of two ways. */
      export declare function open(path: string): void;
      export declare function open(fd: number, /* ours */ options?: {
          readonly owned?: boolean;
      }): void;`;
    expect(list({ 'index.d.ts': text })).toEqual([
      'function open(path: string): void',
      'function open(fd: number, options?: { readonly owned?: boolean; }): void',
    ]);
  });

  it('lists what users and subclasses of a class can reach, the constructor first', () => {
    const text = `
      declare const INSPECT: unique symbol;
      export declare abstract class Box<T> extends Base<T> implements Iterable<T> {
          #private;
          private secret;
          static of<T>(item: T): Box<T>;
          get size(): number;
          protected abstract fill(item: T): void;
          readonly items: readonly T[];
          constructor(items: readonly T[]);
          [INSPECT](): object;
          [Symbol.iterator](): Iterator<T>;
      }`;
    expect(list({ 'index.d.ts': text })).toEqual([
      'abstract class Box<T> extends Base<T> implements Iterable<T>',
      '  constructor(items: readonly T[])',
      '  [Symbol.iterator](): Iterator<T>',
      '  protected abstract fill(item: T): void',
      '  readonly items: readonly T[]',
      '  static of<T>(item: T): Box<T>',
      '  get size(): number',
    ]);
  });

  it('lists types as their text, and the members of an object one by one', () => {
    const text = `
      export type Mode = 'r' | 'w';
      export type Point = { x: number; y: number; };
      export interface Options extends Base { readonly mode?: Mode; (): void; at(index: number): Point; }
      export declare const LIMITS: { readonly MAX: 5; }, count: number;`;
    expect(list({ 'index.d.ts': text })).toEqual([
      'const LIMITS:',
      '  readonly MAX: 5',
      "type Mode = 'r' | 'w'",
      'interface Options extends Base',
      '  (): void',
      '  at(index: number): Point',
      '  readonly mode?: Mode',
      'type Point =',
      '  x: number',
      '  y: number',
      'const count: number',
    ]);
  });

  it('follows exports and imports of other files, and gives names as they are exported', () => {
    const files = {
      'index.d.ts': `
        import { third } from './deep/c.js';
        export { first as primary, default as main } from './a.ts';
        export * from './a.ts';
        export * as deep from './deep/c.ts';
        export type { Kept } from './a.ts';
        export { third };`,
      'a.d.ts': `
        declare function first(): void;
        export declare class Kept {}
        export default function main(): void;
        export { first };`,
      'deep/c.d.ts': 'export declare const third: 3;',
    };
    expect(list(files)).toEqual([
      'class Kept (type only)',
      'namespace deep',
      '  const third: 3',
      'function first(): void',
      'function main(): void',
      'function primary(): void',
      'const third: 3',
    ]);
  });

  it('names the package that an export comes from, and its name there', () => {
    const files = {
      'index.d.ts': `
        import { Queue } from '@p/low';
        export { Queue, shut as close, type Url } from '@p/low';
        export * from '@p/low';
        export { EventEmitter } from 'node:events';`,
      'low.d.ts': `
        declare function end(): void;
        export declare class Queue {}
        export { end as shut };
        export { URL as Url } from 'node:url';`,
    };
    expect(list(files)).toEqual([
      'EventEmitter (from node:events)',
      'Queue (from @p/low)',
      'Url (URL from node:url)',
      'close (shut from @p/low)',
      'shut (from @p/low)',
    ]);
  });

  it('refuses an export that no file declares', () => {
    const files = { 'index.d.ts': "export { gone } from './a.ts';", 'a.d.ts': 'export {};' };
    expect(() => list(files)).toThrow('./a.ts does not export gone');
    expect(() => list({ 'index.d.ts': 'export { gone };' })).toThrow('no declaration of gone');
  });
});

describe('apiPage', () => {
  it('adds what the exports refer to and do not export', () => {
    const files = {
      'index.d.ts': `
        import type { Base } from './base.ts';
        export declare class Box extends Base {}
        export declare function fill(box: Box): Promise<void>;`,
      'base.d.ts': `
        import type { Queue } from '@p/low';
        declare const DEFAULTS: Options;
        export interface Options { readonly queue: Queue; }
        export declare class Base { options: typeof DEFAULTS; }
        export declare class Unused {}`,
      'low.d.ts': 'export declare class Queue {}',
    };
    const page = reading(files, (exports, hidden) => apiPage('p', [['p', exports]], hidden));
    expect(page.split('\n').slice(4)).toEqual([
      '## p',
      '',
      '```ts',
      'class Box extends Base',
      'function fill(box: Box): Promise<void>',
      '```',
      '',
      '## Not exported, but part of the types above',
      '',
      '```ts',
      'class Base',
      '  options: typeof DEFAULTS',
      'const DEFAULTS: Options',
      'interface Options',
      '  readonly queue: Queue',
      '```',
      '',
    ]);
  });
});
