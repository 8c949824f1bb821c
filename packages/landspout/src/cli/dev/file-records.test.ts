import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileRecords } from './file-records.ts';

describe('FileRecords', () => {
  let folder: string;
  let records: FileRecords;
  let tooMany: string[];
  const at = (file: string) => path.join(folder, file);

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'landspout-records-'));
    tooMany = [];
    records = new FileRecords((root) => tooMany.push(root));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('reports a file whose content has changed, once [AR-01]', () => {
    writeFileSync(at('a.js'), '1');
    expect(records.add(at('a.js'))).toBeGreaterThan(0);
    expect(records.changes()).toEqual([]);
    writeFileSync(at('a.js'), '2');
    expect(records.changes()).toEqual([at('a.js')]);
    expect(records.changes()).toEqual([]);
  });

  it('does not report a file that is saved without a change, also by renaming [AR-01]', () => {
    writeFileSync(at('a.js'), '1');
    records.add(at('a.js'));
    utimesSync(at('a.js'), 1, 1);
    expect(records.changes()).toEqual([]);
    writeFileSync(at('b'), '1');
    renameSync(at('b'), at('a.js'));
    expect(records.changes()).toEqual([]);
  });

  it('reports a file that is deleted, and created again [AR-01]', () => {
    writeFileSync(at('a.js'), '1');
    records.add(at('a.js'));
    rmSync(at('a.js'));
    expect(records.changes()).toEqual([at('a.js')]);
    writeFileSync(at('a.js'), '1');
    expect(records.changes()).toEqual([at('a.js')]);
  });

  it.each(['a', 'a.js', 'a.ts', 'a/index.js'])(
    'finds %s for an import of a.js that is missing [AR-01]',
    (file) => {
      expect(records.add(at('a.js'))).toBe(0);
      mkdirSync(path.dirname(at(file)), { recursive: true });
      writeFileSync(at(file), '1');
      // What is created first is a folder in the last case.
      expect(records.concerns(folder, file.split('/')[0] as string)).toBe(true);
      expect(records.changes()).toEqual([at('a.js')]);
    },
  );

  it('is concerned by the folders above a file, and by nothing beside it [AR-01]', () => {
    records.add(at('x/y/a.js'));
    expect(records.concerns(folder, 'x')).toBe(true);
    expect(records.concerns(at('x'), 'y')).toBe(true);
    expect(records.concerns(at('x'), 'z')).toBe(false);
    expect(records.concerns(at('x/y'), 'ab.js')).toBe(false);
    expect(records.concerns(folder, 'app.log')).toBe(false);
  });

  it('reports all files below a folder of --watch, except hidden ones and backups [AR-01]', () => {
    records.addTree(at('t'));
    mkdirSync(at('t/u'), { recursive: true });
    for (const file of ['t/u/a.eta', 't/.hidden', 't/a.eta~']) writeFileSync(at(file), '1');
    expect(records.concerns(folder, 't')).toBe(true);
    expect(records.changes()).toEqual([at('t/u/a.eta')]);
    expect([...records.folders()].sort()).toEqual([folder, at('t'), at('t/u')]);
    rmSync(at('t/u'), { recursive: true });
    expect(records.changes()).toEqual([at('t/u/a.eta')]);
    expect(tooMany).toEqual([]);
  });

  it('forgets files that are not used any more [AR-01]', () => {
    for (const file of ['a.js', 'b.js']) records.add(at(file));
    records.keepOnly(new Set([at('b.js')]));
    for (const file of ['a.js', 'b.js']) writeFileSync(at(file), '1');
    expect(records.changes()).toEqual([at('b.js')]);
  });
});
