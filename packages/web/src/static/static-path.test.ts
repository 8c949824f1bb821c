import { describe, expect, it } from 'vitest';
import { judgeStaticPath } from './static-path.ts';

const unix = { dotfiles: false, windows: false };
const windows = { dotfiles: false, windows: true };

describe('judgeStaticPath', () => {
  it('tells files from directories by the slash at the end', () => {
    expect(judgeStaticPath('a/b.txt', unix)).toEqual({ kind: 'file', segments: ['a', 'b.txt'] });
    expect(judgeStaticPath('a/b/', unix)).toEqual({ kind: 'directory', segments: ['a', 'b'] });
    expect(judgeStaticPath('', unix)).toEqual({ kind: 'directory', segments: [] });
  });

  it.each([
    '..',
    '../x',
    'a/../b',
    '/etc/passwd',
    '//x',
    '/',
    '..\\x',
    'a\\b',
    '.env',
    'a/.git/config',
    '.../x',
  ])('refuses %j with 403 [ATT-42] [ATT-44]', (path) => {
    expect(judgeStaticPath(path, unix)).toEqual({ kind: 'refused', status: 403 });
  });

  it.each(['a\0b', 'a//b', './a'])('has no file %j', (path) => {
    expect(judgeStaticPath(path, { dotfiles: true, windows: false })).toEqual({
      kind: 'refused',
      status: 404,
    });
  });

  it('refuses .. even where hidden files are served', () => {
    expect(judgeStaticPath('../x', { dotfiles: true, windows: false })).toEqual({
      kind: 'refused',
      status: 403,
    });
    expect(judgeStaticPath('.well-known/x', { dotfiles: true, windows: false })).toMatchObject({
      kind: 'file',
    });
  });

  it.each(['CON', 'nul.txt', 'com1', 'LPT9.log', 'a:stream', 'a.txt.', 'a ', 'C:'])(
    'has no file %j on Windows [ST-02]',
    (path) => {
      expect(judgeStaticPath(path, windows)).toEqual({ kind: 'refused', status: 404 });
      expect(judgeStaticPath(path, unix)).toMatchObject({ kind: 'file' });
    },
  );

  it('serves names that only begin like a device', () => {
    expect(judgeStaticPath('console.js', windows)).toMatchObject({ kind: 'file' });
  });
});
