import { mkdir, mkdtemp, rename, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placeOf, refusal } from './static-file.ts';
import { type Found, StaticRoot, staticRoot } from './static-root.ts';

const DATE = new Date('2020-02-03T04:05:06Z');
const CACHE = 1024;

let folder = '';
/** How far the clock of the root is ahead, so that files that were just written are old. */
let aheadMs = 60_000;
let root: StaticRoot;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'landspout-root-'));
  aheadMs = 60_000;
  root = new StaticRoot(folder, () => Date.now() + aheadMs);
});

afterEach(() => rm(folder, { recursive: true }));

async function write(name: string, content: string): Promise<void> {
  await writeFile(path.join(folder, name), content);
  await utimes(path.join(folder, name), DATE, DATE);
}

async function file(name: string, cacheBytes = CACHE): Promise<Extract<Found, { kind: 'file' }>> {
  const found = await root.lookUp(name.split('/'), cacheBytes);
  if (found.kind !== 'file') throw new Error(`${name} is a directory`);
  return found;
}

const textOf = async (name: string): Promise<string> => String((await file(name)).content);

describe('StaticRoot', () => {
  it('keeps the content of small files, and reads it again after any change', async () => {
    await write('a.txt', 'one');
    const first = await file('a.txt');
    expect((await file('a.txt')).content).toBe(first.content);
    await write('a.txt', 'two');
    expect(await textOf('a.txt')).toBe('two');
    await write('b.txt', 'six');
    await rename(path.join(folder, 'b.txt'), path.join(folder, 'a.txt'));
    expect(await textOf('a.txt')).toBe('six');
    await unlink(path.join(folder, 'a.txt'));
    await expect(file('a.txt')).rejects.toMatchObject({ status: 404 });
    expect(root.known(['a.txt'])).toBeUndefined();
  });

  it('reads a file again if it has just changed, because its time may not change with it', async () => {
    aheadMs = 0;
    await write('a.txt', 'one');
    const first = await file('a.txt');
    expect(String(first.content)).toBe('one');
    expect((await file('a.txt')).content).not.toBe(first.content);
  });

  it('keeps at most cacheBytes, and evicts what was not requested for the longest time', async () => {
    for (const name of ['a', 'b', 'c']) await write(name, name.repeat(400));
    const a = (await file('a')).content;
    const b = (await file('b')).content;
    expect((await file('a')).content).toBe(a);
    await file('c');
    expect((await file('a')).content).toBe(a);
    const again = (await file('b')).content;
    expect([again === b, String(again)]).toEqual([false, 'b'.repeat(400)]);
  });

  it('keeps no content with a limit of 0, or of a file above the limit', async () => {
    await write('a', 'a'.repeat(2_000));
    for (const limit of [0, 1_999]) {
      await file('a', limit);
      const { content, file: entry } = await file('a', limit);
      expect([content, entry.contentHash]).toEqual([undefined, expect.stringMatching(/^[0-9a-f]{32}$/)]);
    }
  });

  it('gives the same hash to the same content, however it was read', async () => {
    await write('small', 'x'.repeat(64 * 1024));
    await write('large', 'x'.repeat(64 * 1024 + 1));
    await write('copy', 'x'.repeat(64 * 1024 + 1));
    const [small, large, copy] = [await file('small'), await file('large'), await file('copy')];
    expect([small.content?.length, large.content]).toEqual([65_536, undefined]);
    expect(large.file.contentHash).toBe(copy.file.contentHash);
    expect(large.file.contentHash).not.toBe(small.file.contentHash);
  });

  it('looks up a path once for all that request it at the same time', async () => {
    await write('a', 'a');
    expect(root.lookUp(['a'], CACHE)).toBe(root.lookUp(['a'], CACHE));
    await root.lookUp(['a'], CACHE);
  });

  it('follows a root that is a link to wherever it leads now', async () => {
    for (const release of ['1', '2']) {
      await mkdir(path.join(folder, release));
      await write(`${release}/a`, `release ${release}`);
    }
    const current = path.join(folder, 'current');
    await symlink('1', current);
    root = new StaticRoot(current, () => Date.now() + aheadMs);
    expect(await textOf('a')).toBe('release 1');
    await symlink('2', path.join(folder, 'next'));
    await rename(path.join(folder, 'next'), current);
    const found = await file('a');
    expect([String(found.content), found.file.isInside]).toEqual(['release 2', true]);
  });

  it('reports where links lead [ATT-44]', async () => {
    await mkdir(path.join(folder, 'root/.hidden'), { recursive: true });
    await write('root/.hidden/x', 'hidden');
    await write('outside', 'outside');
    await symlink('../outside', path.join(folder, 'root/out'));
    await symlink('.hidden/x', path.join(folder, 'root/in'));
    await symlink('..', path.join(folder, 'root/up'));
    root = new StaticRoot(path.join(folder, 'root'));
    expect((await file('out')).file).toMatchObject({ isInside: false });
    expect((await file('in')).file).toMatchObject({ isInside: true, isHidden: true });
    expect(await root.lookUp(['up'], CACHE)).toMatchObject({ kind: 'directory', place: { isInside: false } });
    expect((await file('up/outside')).file).toMatchObject({ isInside: false });
  });

  it('notices a new compressed file within a second', async () => {
    await write('a.js', 'plain');
    const { file: entry } = await file('a.js');
    expect(await root.codings(['a.js'], entry)).toEqual([]);
    await write('a.js.gz', 'gzip');
    expect(root.codings(['a.js'], entry)).toEqual([]);
    aheadMs += 1_000;
    const looking = root.codings(['a.js'], entry);
    expect(root.codings(['a.js'], entry)).toBe(looking);
    expect(await looking).toEqual(['gzip']);
  });

  it('opens a file as it is now', async () => {
    await write('a', 'one');
    const { file: entry } = await file('a');
    const same = await root.open(entry);
    expect(same.file).toBe(entry);
    await same.handle.close();
    await write('a', 'longer');
    const changed = await root.open(entry);
    expect([changed.file.size, changed.file.contentHash]).toEqual([6, undefined]);
    await changed.handle.close();
    await unlink(path.join(folder, 'a'));
    await expect(root.open(entry)).rejects.toMatchObject({ status: 404 });
  });

  it('opens no other file through a folder that became a link after the look-up [ATT-44]', async () => {
    await mkdir(path.join(folder, 'outside'));
    await write('outside/a', 'secret');
    await mkdir(path.join(folder, 'public/dir'), { recursive: true });
    await write('public/dir/a', 'public');
    root = new StaticRoot(path.join(folder, 'public'), () => Date.now() + aheadMs);
    const { file: entry } = await file('dir/a');
    await rename(path.join(folder, 'public/dir'), path.join(folder, 'public/moved'));
    await symlink('../outside', path.join(folder, 'public/dir'));
    await expect(root.open(entry)).rejects.toMatchObject({ status: 404 });
    expect((await file('dir/a')).file).toMatchObject({ isInside: false });
  });

  it('has a hash of a file of several blocks that depends on each of them [ST-03]', async () => {
    const content = Buffer.alloc(600_000, 'x');
    const hashes = new Set<string | undefined>();
    for (const at of [undefined, 0, 262_143, 262_144, 524_288, 599_999]) {
      const changed = Buffer.from(content);
      if (at !== undefined) changed[at] = 0;
      await writeFile(path.join(folder, 'large'), changed);
      hashes.add((await file('large')).file.contentHash);
    }
    expect(hashes.size).toBe(6);
    expect([...hashes].every((hash) => /^[0-9a-f]{32}$/.test(String(hash)))).toBe(true);
  });

  it('has no date in the future (RFC 9110 §8.8.2.1) [ST-03]', async () => {
    await write('a', 'a');
    const later = new Date(Date.now() + 3_600_000);
    await utimes(path.join(folder, 'a'), later, later);
    const { file: entry } = await file('a');
    expect(entry.modifiedMs).toBeLessThan(Date.now() + aheadMs);
  });
});

describe('staticRoot', () => {
  it('is shared by all that serve a folder, for the 64 folders that were used last', () => {
    const one = staticRoot(path.join(folder, 'one'));
    expect(staticRoot(path.join(folder, 'x', '..', 'one'))).toBe(one);
    for (let at = 0; at < 63; at += 1) staticRoot(path.join(folder, String(at)));
    expect(staticRoot(path.join(folder, 'one'))).toBe(one);
    for (let at = 0; at < 64; at += 1) staticRoot(path.join(folder, String(at)));
    expect(staticRoot(path.join(folder, 'one'))).not.toBe(one);
  });
});

describe('placeOf', () => {
  const sep = path.sep;

  it.each([
    [`${sep}srv`, `${sep}srv${sep}a.txt`, true, false],
    [`${sep}srv`, `${sep}srv`, true, false],
    [`${sep}srv`, `${sep}srv_secret${sep}a.txt`, false, false],
    [`${sep}srv`, `${sep}a.txt`, false, false],
    [`${sep}srv`, `${sep}srv${sep}.git${sep}config`, true, true],
    [`${sep}srv`, `${sep}srv${sep}a${sep}.env`, true, true],
    [`${sep}.srv`, `${sep}.srv${sep}a`, true, false],
    [sep, `${sep}a`, true, false],
  ])('of the root %s: %s [ATT-43] [ATT-44]', (realRoot, absolutePath, isInside, isHidden) => {
    expect(placeOf(realRoot, absolutePath)).toEqual({ absolutePath, isInside, isHidden });
  });
});

describe('refusal', () => {
  it.each([
    ['ENOENT', 404],
    ['ENOTDIR', 404],
    ['ENAMETOOLONG', 404],
    ['ELOOP', 404],
    ['EACCES', 403],
    ['EMFILE', 503],
  ])('turns %s into a %d', (code, status) => {
    expect(refusal(Object.assign(new Error(code), { code }))).toMatchObject({ status });
  });

  it('leaves any other error as it is', () => {
    const error = Object.assign(new Error('input/output error'), { code: 'EIO' });
    expect(refusal(error)).toBe(error);
  });
});
