import { describe, expect, it } from 'vitest';
import { parseOptions, usage } from '../options.mjs';
import { clientRows } from '../tables/client.mjs';
import { helloRows, httpRows } from '../tables/http.mjs';
import { mountingRows } from '../tables/mounting.mjs';
import { streamRows } from '../tables/stream.mjs';
import { tlsRows } from '../tables/tls.mjs';
import { topicsRows } from '../tables/topics.mjs';
import { webRows } from '../tables/web.mjs';
import { websocketRows } from '../tables/websocket.mjs';

const options = (command: string) => ({ ...parseOptions(command, []), files: 20_000 });

describe('parseOptions', () => {
  it.each([
    'hello',
    'loop',
    'stream',
    'http',
    'web',
    'mounting',
    'client',
    'websocket',
    'tls',
    'topics',
    'writers',
  ])('names an unknown option of %s', (command) => {
    expect(() => parseOptions(command, ['--bogus'])).toThrow("Unknown option '--bogus'");
  });

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

  it('ask rows with Eta for pages only, and give each server the program of its scene', () => {
    const rows = webRows({ ...options('web'), rows: ['floor', 'web', 'web-eta'] });
    const eta = rows.filter(({ id }: { id: string }) => id === 'web-eta');
    expect(eta.map(({ how }: { how: string }) => how)).toEqual(['made before', '50 rows']);
    const last = rows.filter(({ section }: { section: string }) => section === 'compressed').slice(-2);
    expect(last).toMatchObject([{ native: 'floor' }, { program: 'web/output/landspout.mjs' }]);
    expect(last.map(({ program }: { program?: string }) => program)[0]).toBeUndefined();
  });

  it('measure fetch functions with each other, and half as many origins as descriptors allow', () => {
    const rows = clientRows({ ...options('client'), files: 4200, only: ['fetch', 'origins'] });
    const idsOf = (section: string) =>
      rows
        .filter((row: { section: string }) => row.section === section)
        .map(({ id }: { id: string }) => id)
        .join();
    expect(idsOf('fetch')).toBe('floor,to-fetch,to-fetch-portable,undici-fetch,bun-fetch');
    expect(idsOf('origins')).toContain('undici-pool');
    expect(rows.at(-1)).toMatchObject({ how: '2000 origins', settings: { origins: 2000 } });
  });

  it('compress with every server but the floor, and leave descriptors for the connections of the warm-up', () => {
    const rows = websocketRows({ ...options('websocket'), files: 4096, only: ['deflate', 'idle'] });
    const compressed = rows.filter(({ load }: { load: { offer?: string } }) => load.offer !== undefined);
    expect(new Set(compressed.map(({ id }: { id: string }) => id))).not.toContain('floor');
    expect(rows.at(-1)).toMatchObject({ idle: 4096 - 200 - 64, settings: { mode: 'echo', deflate: true } });
  });

  it('echo over TLS with every server but nginx, and say which way TLS must go', () => {
    const rows = tlsRows({ ...options('tls'), only: ['websocket'] });
    expect(rows.map(({ id }: { id: string }) => id).join()).toBe('floor,tls,tls-node,node-https,bun,deno');
    expect(rows.map(({ tlsPath }: { tlsPath?: string }) => tlsPath).slice(0, 4)).toEqual([
      undefined,
      'native',
      'node',
      undefined,
    ]);
    expect(rows[3]).toMatchObject({
      program: 'websocket/programs/ws.mjs',
      backend: 'ws',
      load: { mode: 'echo' },
    });
  });

  it('make handshakes with both kinds of keys', () => {
    const rows = tlsRows({ ...options('tls'), only: ['handshakes'], rows: ['tls'] });
    const about = rows.map(
      ({ how, certificate, load }: { how: string; certificate: string; load: { mode: string } }) =>
        `${how}: ${certificate}, ${load.mode}`,
    );
    expect(about).toEqual([
      'ECDSA P-256, full: ecdsa, full',
      'RSA 2048, full: rsa, full',
      'ECDSA P-256, resumed: ecdsa, resumed',
    ]);
  });

  it('give each of three processes a connection for every 100 idle topics', () => {
    const rows = topicsRows({
      ...options('topics'),
      only: ['across-idle'],
      rows: ['socket.io'],
      idleTopics: ['20', '250'],
    });
    expect(rows).toMatchObject([
      { how: '20 idle topics', idle: 3, processes: 3, redis: true },
      { how: '300 idle topics', idle: 9, processes: 3, redis: true },
    ]);
  });

  it('serve each application by the servers that can run it', () => {
    const rows = mountingRows({
      ...options('mounting'),
      only: ['text'],
      rows: ['serve', 'node-http', 'floor'],
    });
    expect(rows.map(({ how, id }: { how: string; id: string }) => `${how}: ${id}`)).toEqual([
      'Hono, text: floor',
      'Hono, text: serve',
      'Express, text: floor',
      'Express, text: node-http',
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
