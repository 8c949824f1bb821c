import { describe, expect, it } from 'vitest';
import { fileOfModule, filesOfError, isInstalled, missingFile } from './module-paths.ts';

describe('fileOfModule', () => {
  it.each([
    ['file:///a/b%20c.ts?tsx=1#x', '/a/b c.ts'],
    ['/a/b.cjs', '/a/b.cjs'],
    ['node:fs', undefined],
    ['fs', undefined],
    ['data:text/javascript,1', undefined],
    ['file://%', undefined],
  ])('takes %s for %s [AR-01]', (resolved, file) => {
    expect(fileOfModule(resolved)).toBe(file);
  });
});

describe('missingFile', () => {
  const packageFolder = () => '/project';
  it.each([
    ['./b.js', 'file:///a/app.ts', '/a/b.js'],
    ['../b?x', '/a/c/app.cjs', '/a/b'],
    ['..', '/a/c/app.cjs', '/a'],
    ['/x/y.js', undefined, '/x/y.js'],
    ['file:///x/y.js', 'file:///a/app.ts', '/x/y.js'],
    ['left-pad/deep/file.js', 'file:///a/app.ts', '/project/node_modules/left-pad'],
    ['@scope/name/x', 'file:///a/app.ts', '/project/node_modules/@scope/name'],
    ['node:nothing', 'file:///a/app.ts', undefined],
    ['#internal', 'file:///a/app.ts', undefined],
    ['./b.js', undefined, undefined],
    ['./b.js', 'data:text/javascript,1', undefined],
  ])('finds where %s of %s was looked for [AR-01]', (specifier, parent, file) => {
    expect(missingFile(specifier, parent, packageFolder)).toBe(file);
  });
});

describe('filesOfError', () => {
  it('finds the files of the stack, of a failed system call, of causes and of esbuild [AR-01]', () => {
    const cause = Object.assign(new Error('open'), {
      path: '/etc/app.json',
      stack: 'Error\n    at f (/c/d.cjs:1:2)',
    });
    const error = Object.assign(new Error('x', { cause }), {
      stack:
        'file:///a/b.js:3\nSyntaxError\n    at node:internal/x:1:1\n    at /p/node_modules/q/r.js:1:1\n    at async file:///a/e.js:5:6',
      errors: [{ location: { file: '/t/u.ts' } }, { location: null }, null],
    });
    expect(filesOfError(error)).toEqual(['/a/b.js', '/a/e.js', '/t/u.ts', '/etc/app.json', '/c/d.cjs']);
  });

  it.each([undefined, null, 'text', 5, {}])('finds nothing in %j', (thrown) => {
    expect(filesOfError(thrown)).toEqual([]);
  });

  it('ends if causes form a circle', () => {
    const error = new Error('x');
    error.cause = error;
    expect(filesOfError(error).length).toBeLessThan(100);
  });
});

describe('isInstalled', () => {
  it('looks for the folder, not for its name', () => {
    expect(isInstalled('/a/node_modules/b/c.js')).toBe(true);
    expect(isInstalled('/a/my_node_modules/b/c.js')).toBe(false);
  });
});
