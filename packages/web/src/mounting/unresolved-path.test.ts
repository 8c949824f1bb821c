import { describe, expect, it } from 'vitest';
import { isUnresolvedPath } from './unresolved-path.ts';

const segmentsOf = (path: string): number => path.split('/').length;

describe('isUnresolvedPath', () => {
  it.each([
    '/a/./b',
    '/a/../b',
    '/..',
    '/.',
    '/a/..',
    '/a/%2e/b',
    '/a/%2E%2e/b',
    '/a/.%2e',
    '/a/%2e.',
    '/a\\b',
    '/a/..\\b',
    '/\\a',
  ])('is true for %s, which the URL parser changes', (path) => {
    const { pathname } = new URL(`http://a${path}`);
    expect(pathname.toLowerCase()).not.toBe(path.toLowerCase());
    expect(isUnresolvedPath(path)).toBe(true);
  });

  it.each([
    '/',
    '*',
    '/a//b',
    '/...',
    '/.a/b.',
    '/a/.../b',
    '/a/..b',
    '/a/%2e%2e%2e',
    '/a/%252e%252e/b',
    '/a/%2f../b',
    '/a/%5c..%5cb',
    '/a"b',
    '/a/;..;/b',
  ])('is false for %s, whose segments the URL parser keeps', (path) => {
    if (path !== '*') expect(segmentsOf(new URL(`http://a${path}`).pathname)).toBe(segmentsOf(path));
    expect(isUnresolvedPath(path)).toBe(false);
  });
});
