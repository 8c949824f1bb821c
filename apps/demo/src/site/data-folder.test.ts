import { lstatSync, mkdtempSync, rmSync } from 'node:fs';
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
    const folder = await openDataFolder(undefined, 8888);
    expect(folder.path.startsWith(system)).toBe(true);
    expect(lstatSync(folder.path).mode & 0o777).toBe(0o700);
    expect(Buffer.from(folder.secret, 'base64')).toHaveLength(32);
    await folder.dispose();
    const again = await openDataFolder(undefined, 8888);
    expect([again.path, again.secret]).toEqual([folder.path, folder.secret]);
  });

  it('has another folder for each port, and a new one for port 0', async () => {
    const paths = new Set<string>();
    for (const port of [8888, 9000, 0, 0]) paths.add((await openDataFolder(undefined, port)).path);
    expect(paths.size).toBe(4);
  });

  it('makes a folder that was chosen, whatever the port is, and keeps it', async () => {
    const path = join(system, 'a', 'b');
    const folder = await openDataFolder(path, 0);
    expect(folder.path).toBe(path);
    await folder.dispose();
    expect((await openDataFolder(path, 1)).secret).toBe(folder.secret);
  });
});
