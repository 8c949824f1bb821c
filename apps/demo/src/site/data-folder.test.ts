import { existsSync, lstatSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openDataFolder } from './data-folder.ts';

describe('openDataFolder', () => {
  let system: string;
  beforeEach(() => {
    system = mkdtempSync(join(tmpdir(), 'landspout-demo-test-'));
    vi.stubEnv('TMPDIR', system);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(system, { recursive: true, force: true });
  });

  it('makes a folder that only this user can read, and finds it and its secret again', async () => {
    const folder = await openDataFolder({ data: undefined, port: 8888 });
    expect(folder.path.startsWith(system)).toBe(true);
    expect(lstatSync(folder.path).mode & 0o777).toBe(0o700);
    expect(Buffer.from(folder.secret, 'base64')).toHaveLength(32);
    folder.dispose();
    const again = await openDataFolder({ data: undefined, port: 8888 });
    expect([again.path, again.secret]).toEqual([folder.path, folder.secret]);
  });

  it('has another folder for each port, and a new one for port 0', async () => {
    const paths = new Set<string>();
    for (const port of [8888, 9000, 0, 0]) paths.add((await openDataFolder({ data: undefined, port })).path);
    expect(paths.size).toBe(4);
  });

  it('removes a folder for port 0 when it is no longer needed', async () => {
    const folder = await openDataFolder({ data: undefined, port: 0 });
    folder.dispose();
    expect(existsSync(folder.path)).toBe(false);
  });

  it('has one folder for a Redis server, whatever the port and the password are', async () => {
    const open = (redis: string, port: number) =>
      openDataFolder({ data: undefined, port, redis: new URL(redis) });
    const one = await open('redis://me:secret@127.0.0.1:6379/1', 8888);
    expect(one.path).not.toContain('secret');
    const other = await open('redis://127.0.0.1:6379/1', 0);
    other.dispose();
    expect([other.path, other.secret]).toEqual([one.path, one.secret]);
    expect(existsSync(one.path)).toBe(true);
    expect((await open('redis://127.0.0.1:6379/2', 8888)).path).not.toBe(one.path);
  });

  it('makes a folder that was chosen, whatever the port is, and keeps it', async () => {
    const path = join(system, 'a', 'b');
    const folder = await openDataFolder({ data: path, port: 0 });
    expect(folder.path).toBe(path);
    folder.dispose();
    expect((await openDataFolder({ data: path, port: 1 })).secret).toBe(folder.secret);
  });
});
