import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../links.mjs', import.meta.url));

it.each([
  [
    'accepts links to files, folders, headings and other sites',
    '[a](docs/a.md#top) [b](docs) [c](https://x.org/y)',
    '',
  ],
  [
    'reports a link to a file that is gone',
    '[a](docs/b.md)',
    'README.md: links docs/b.md, which is not there\n',
  ],
  ['leaves blocks of code alone', '```md\n[a](docs/b.md)\n```', ''],
])('links %s', (_, text, output) => {
  const root = mkdtempSync(path.join(tmpdir(), 'landspout-links-'));
  try {
    mkdirSync(path.join(root, 'docs'));
    writeFileSync(path.join(root, 'docs/a.md'), '# A\n');
    writeFileSync(path.join(root, 'README.md'), text);
    const { status, stderr } = spawnSync(process.execPath, [SCRIPT, root], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: output === '' ? 0 : 1, stderr: output });
  } finally {
    rmSync(root, { recursive: true });
  }
});
