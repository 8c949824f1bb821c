import { describe, expect, it } from 'vitest';
import { requireMountPath, targetBelow } from './mount-path.ts';

describe('targetBelow', () => {
  it.each([
    ['/live', '/'],
    ['/live/', '/'],
    ['/live?a=b', '/?a=b'],
    ['/live/a/live?b=/live', '/a/live?b=/live'],
    ['/live//a', '//a'],
    ['http://a.example/live/b', 'http://a.example/b'],
    ['https://a.example:1/live?b', 'https://a.example:1/?b'],
  ])('removes /live from %s', (target, below) => {
    expect(targetBelow(target, '/live')).toBe(below);
  });

  it.each(['/', '/liver', '/liv', '/a/live', '*', '/?/live', 'http://a.example', 'http://a.example?/live'])(
    'returns undefined for %s',
    (target) => {
      expect(targetBelow(target, '/live')).toBeUndefined();
    },
  );
});

describe('requireMountPath', () => {
  it('accepts a path, and refuses everything else', () => {
    for (const valid of [undefined, '/a', '/a/b']) requireMountPath('operation', valid);
    for (const wrong of ['', '/', 'live', '/live/', '/a?b', '/a#b', 1, null])
      expect(() => requireMountPath('operation', wrong)).toThrow(/mountPath/);
  });
});
