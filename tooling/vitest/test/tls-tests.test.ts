import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tlsTests } from '../tls-tests.mjs';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'landspout-tls-tests-'));
  mkdirSync(path.join(root, 'apps'));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(file: string, text: string): void {
  const full = path.join(root, file);
  mkdirSync(path.dirname(full), { recursive: true });
  writeFileSync(full, text);
}

describe('tlsTests', () => {
  it('finds the tests that make certificates, by themselves or through modules of tests', () => {
    write('packages/a/test/own.test.ts', "spawnSync('openssl', []);");
    write('packages/a/test/plain.test.ts', "import { x } from './support/plain.ts';");
    write('packages/a/test/support/plain.ts', '');
    write('packages/a/test/support/certificates.ts', "spawnSync('openssl', []);");
    write('packages/a/test/support/server.ts', "import { y } from './certificates.ts';");
    write('packages/b/test/deep/far.test.ts', "import { z } from '../../../a/test/support/server.ts';");
    write('packages/c/src/index.ts', '');
    expect(tlsTests(root)).toEqual(['packages/a/test/own.test.ts', 'packages/b/test/deep/far.test.ts']);
  });

  it('follows modules that import each other, and imports in the text of a program', () => {
    write('packages/a/test/a.test.ts', "import './one.ts'; const program = `import './none.mjs'`;");
    write('packages/a/test/one.ts', "import './two.ts';");
    write('packages/a/test/two.ts', "import './one.ts'; spawn('openssl');");
    expect(tlsTests(root)).toEqual(['packages/a/test/a.test.ts']);
  });
});
