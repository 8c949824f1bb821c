import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkLayers } from '../check-layers.mjs';

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const program = fileURLToPath(new URL('../main.mjs', import.meta.url));

/** What the check says of one file of the broken fixture, as `rule:line`. */
function breaksIn(file: string): string[] {
  const problems = checkLayers(fixture('broken')).filter(({ where }) => where.startsWith(`packages/${file}`));
  return problems.map(({ rule, where }) => `${rule}:${where.split(':')[1] ?? ''}`);
}

describe('checkLayers', () => {
  it('finds nothing in a tree that keeps the order', () => {
    expect(checkLayers(fixture('sound'))).toEqual([]);
  });

  it('reports an import of a package above, also of a type alone', () => {
    expect(breaksIn('ioloop/src/index.ts')).toContain('upward:2');
  });

  it('reports a path that leaves its package', () => {
    expect(breaksIn('ioloop/src/index.ts')).toContain('door:3');
  });

  it('reports an import of a sibling', () => {
    expect(breaksIn('httpclient/src/index.ts')).toContain('sibling:4');
  });

  it('reports an import that the manifest does not declare, and a door that does not exist', () => {
    expect(breaksIn('httpclient/src/index.ts')).toEqual(expect.arrayContaining(['manifest:5', 'door:3']));
  });

  it('reports modules that import each other', () => {
    expect(breaksIn('http1/src/index.ts')).toEqual(['cycle:']);
  });

  it('reports node:net, the upper floor, timers, clocks, promises and chance in a protocol floor', () => {
    const messages = checkLayers(fixture('broken'))
      .filter(({ where }) => where.startsWith('packages/http1/src/protocol/decoder.ts'))
      .map(({ message }) => /(?:imports|uses) ([^;]+)/.exec(message)?.[1]);
    expect(messages.sort()).toEqual([
      '../delegate.ts',
      'Date.now',
      'Math.random',
      'Promise',
      'async',
      'new Date()',
      'node:net',
      'performance',
      'process',
      'setTimeout',
    ]);
  });

  it('reports state of a module or a class in a protocol floor, and no constant', () => {
    const messages = checkLayers(fixture('broken'))
      .filter(({ where }) => where.startsWith('packages/http1/src/protocol/caches.ts'))
      .map(({ message }) => /keeps state in ([^;]+)/.exec(message)?.[1]);
    expect(messages).toEqual([
      'names',
      'seen',
      'views',
      'marked',
      'lines',
      'list',
      'byName',
      'latest',
      'Decoder.pool',
      'Decoder.count',
    ]);
  });

  it('takes a member named like a global, and a date with an argument, for what they are', () => {
    expect(breaksIn('http1/src/protocol/limits.ts')).toEqual([]);
  });

  it('reports a base of the protocol floors that imports anything', () => {
    expect(breaksIn('ioloop/src/errors.ts')).toEqual(['protocol-base:2']);
  });

  it('reports a manifest that names a package above', () => {
    expect(breaksIn('http1/package.json')).toEqual(['manifest:']);
  });

  it('reports a tsconfig with paths or with a reference that leads aside', () => {
    expect(breaksIn('httpserver/tsconfig.json')).toEqual(['tsconfig:', 'tsconfig:']);
  });

  it('reports a package that is in no layer', () => {
    expect(breaksIn('unlisted')).toEqual(['list:']);
  });
});

describe('check:layers', () => {
  it('fails on the broken fixture and names each break', () => {
    const { status, stderr } = spawnSync(process.execPath, [program, fixture('broken')], {
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toContain('httpclient/src/index.ts:4: @landspout/httpclient imports its sibling');
  });

  it('succeeds on the sound fixture', () => {
    const output = execFileSync(process.execPath, [program, fixture('sound')], { encoding: 'utf8' });
    expect(output).toMatch(/^layers hold: ioloop < iostream/);
  });
});
