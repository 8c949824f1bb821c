import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../adr-check.mjs', import.meta.url));
const SECTIONS = '## Context\n\n## Decision\n\n## Consequences\n\n## What would change our mind\n';
const HELD_BY = '\n## Held by\n\n- `a.test.ts`\n  - keeps the order\n';
const contract = (number: string) =>
  `# ${number} The order (contract, accepted, 2026-11-22)\n\n${SECTIONS}${HELD_BY}`;

describe('adr-check', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'landspout-adr-'));
    mkdirSync(path.join(root, 'docs/adr'), { recursive: true });
    writeFileSync(path.join(root, 'a.test.ts'), "it('keeps the order', () => {});");
  });
  afterEach(() => rmSync(root, { recursive: true }));

  /** Checks records of these texts. */
  function check(records: Record<string, string>): { status: number | null; output: string } {
    for (const [file, text] of Object.entries(records))
      writeFileSync(path.join(root, 'docs/adr', file), text);
    const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, root], { encoding: 'utf8' });
    return { status, output: stdout + stderr };
  }

  it('accepts records without gaps whose tests exist', () => {
    const decision = `# 0002 Plain (decision, accepted, 2026-11-22)\n\n${SECTIONS}`;
    const planned = `# 0003 Later (contract, not built, 2026-11-22)\n\n${SECTIONS}`;
    expect(
      check({ '0001-order.md': contract('0001'), '0002-plain.md': decision, '0003-later.md': planned }),
    ).toEqual({
      status: 0,
      output: '3 records, held by 1 tests\n',
    });
  });

  it.each([
    ['a gap', { '0002-order.md': contract('0002') }, '0001-some-title.md was expected'],
    ['another number in the heading', { '0001-order.md': contract('0007') }, 'is headed 0007'],
    [
      'a heading without status',
      { '0001-order.md': `# 0001 Order\n\n${SECTIONS}` },
      'starts with no heading',
    ],
    ['more than 60 lines', { '0001-order.md': `${contract('0001')}${'\n'.repeat(60)}.` }, '60 are the limit'],
    [
      'a missing section',
      { '0001-order.md': contract('0001').replace('## Consequences\n', '') },
      'has the sections',
    ],
    [
      'a contract that nothing holds',
      { '0001-order.md': contract('0001').replace(HELD_BY, '') },
      'is a contract',
    ],
    [
      'an empty list',
      { '0001-order.md': contract('0001').replace('  - keeps the order\n', '') },
      'names no test',
    ],
    [
      'a file that is gone',
      { '0001-order.md': contract('0001').replace('a.test', 'b.test') },
      'does not exist',
    ],
    ['a title that is gone', { '0001-order.md': contract('0001').replace('keeps', 'kept') }, 'has no test'],
    ['a part of a title', { '0001-order.md': contract('0001').replace('the order', 'the') }, 'has no test'],
    [
      'a test of what is not built',
      { '0001-order.md': contract('0001').replace('accepted', 'not built') },
      'is not built',
    ],
    ['what is no entry', { '0001-order.md': `${contract('0001')}see there\n` }, 'is neither'],
  ])('refuses %s', (_, records, message) => {
    const { status, output } = check(records);
    expect(output).toContain(message);
    expect(status).toBe(1);
  });
});
