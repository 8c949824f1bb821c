import { describe, expect, it } from 'vitest';
import { parseOptions, usage } from '../options.mjs';
import { helloRows, httpRows } from '../tables/http.mjs';
import { streamRows } from '../tables/stream.mjs';
import { webRows } from '../tables/web.mjs';

const options = (command: string) => ({ ...parseOptions(command, []), files: 20_000 });

describe('parseOptions', () => {
  it.each(['hello', 'loop', 'stream', 'http', 'web', 'writers'])(
    'names an unknown option of %s',
    (command) => {
      expect(() => parseOptions(command, ['--bogus'])).toThrow("Unknown option '--bogus'");
    },
  );

  it('keeps the command line of against', () => {
    const line = ['../x', '--rounds', '4', '--only', 'hello, web', '--only', 'echo', '--no-build'];
    const only = ['hello, web', 'echo'];
    expect(parseOptions('against', line)).toMatchObject({ checkout: '../x', rounds: 4, only, build: false });
    expect(usage()).toContain('pnpm bench against <checkout> [--rounds 20]');
    expect(() => parseOptions('against', [])).toThrow('takes one <checkout>, not 0');
  });

  it.each(['0', '1.5', 'x', '-1'])('refuses %j rounds', (rounds) => {
    expect(() => parseOptions('http', [`--rounds=${rounds}`])).toThrow('at least 1');
  });
});

describe('the tables', () => {
  it('open no more connections than descriptors allow', () => {
    const rows = httpRows({ ...options('http'), only: ['flat', 'idle'], rows: ['floor'], files: 4096 });
    expect(rows.map(({ idle }: { idle: number }) => idle)).toEqual([3896, 0, 3832]);
  });

  it('ask nginx for files only, and Landspout for 1, 100 and 1,000 routes', () => {
    const scenesOf = (row: string) =>
      webRows({ ...options('web'), rows: [row] }).map(({ how }: { how: string }) => how);
    expect(scenesOf('nginx')).toEqual(['1 KiB file', '1 MiB file']);
    const others = scenesOf('fastify');
    expect(scenesOf('web').filter((how: string) => !others.includes(how))).toEqual([
      '1 route',
      '1,000 routes',
    ]);
  });

  it('send bodies of 1 KiB', () => {
    const rows = webRows({ ...options('web'), only: ['form', 'post-json'], rows: ['web'] });
    expect(rows.map(({ ask }: { ask: { body: string } }) => ask.body.length)).toEqual([1024, 1024]);
  });

  it('name the rows and sections there are if one is unknown', () => {
    expect(() => helloRows({ ...options('hello'), rows: ['wbe'] })).toThrow('no row wbe; there are floor,');
    expect(() => streamRows({ ...options('stream'), only: ['ehco'] })).toThrow(
      'no section ehco; there are echo,',
    );
  });
});
