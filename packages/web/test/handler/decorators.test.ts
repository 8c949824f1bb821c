import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { HandlerClass } from '../../src/index.ts';
import { ask, bodyOf, headerOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

const PACKAGE = path.resolve(import.meta.dirname, '../..');
const ROOT = path.resolve(PACKAGE, '../..');

const PROGRAM = `
import { addSlash, authenticated, removeSlash, RequestHandler } from '@landspout/web';

class BaseHandler extends RequestHandler {
  override async getCurrentUser(): Promise<string | undefined> {
    return this.request.headers.get('X-User');
  }
}

export class Account extends BaseHandler {
  @authenticated
  override get(first: string): void {
    this.write(\`account of \${first}\`);
  }

  @authenticated
  override async post(): Promise<void> {
    this.write('posted');
  }
}

export class Folder extends RequestHandler {
  @addSlash
  override get(): void {
    this.write('folder');
  }

  @removeSlash
  override post(): void {
    this.write('posted');
  }
}

export class Page extends RequestHandler {
  @removeSlash
  override get(): void {
    this.write('page');
  }
}
`;

const WRONG = `
import { authenticated } from '@landspout/web';

export class NoHandler {
  @authenticated
  get(): void {}
}
`;

const TSC = path.join(
  path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin/tsc',
);
const run = promisify(execFile);

const COMMON =
  '--ignoreConfig --target es2022 --module nodenext --types node --lib es2023,esnext.disposable'.split(' ');
const CHECK = '--strict --skipLibCheck --noEmit --allowImportingTsExtensions --noImplicitOverride'.split(' ');
// One file, without looking at what it imports.
const EMIT = '--noCheck --noResolve --isolatedModules'.split(' ');

/** Compiles a program with standard decorators, and imports it. Rejects with the errors of the compiler. */
async function compile(source: string): Promise<Record<string, HandlerClass>> {
  const folder = await mkdtemp(path.join(PACKAGE, 'test', '.decorated-'));
  try {
    const program = path.join(folder, 'program.ts');
    await writeFile(program, source);
    const tsc = (...flags: string[]) => run(process.execPath, [TSC, ...COMMON, ...flags, program]);
    await tsc(...CHECK, '--rootDir', ROOT, '--customConditions', '@landspout/source');
    await tsc(...EMIT, '--rootDir', folder, '--outDir', folder);
    return await import(/* @vite-ignore */ path.join(folder, 'program.js'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe('authenticated, addSlash and removeSlash as decorators', () => {
  it('compile, and wrap only their method [HD-01] [US-02]', async () => {
    const { Account, Folder, Page } = await compile(PROGRAM);
    await withApp(
      [
        [/\/account\/(\w+)/, Account as HandlerClass],
        [/\/folder\/?/, Folder as HandlerClass],
        [/\/page\/*/, Page as HandlerClass],
      ],
      async ({ port }) => {
        const asUser = ['X-User: me'];
        expect(bodyOf(await ask(port, '/account/a', 'GET', ...asUser))).toBe('account of a');
        expect(bodyOf(await ask(port, '/account/a', 'POST', ...asUser))).toBe('posted');
        expect(headerOf(await ask(port, '/account/a'), 'Location')).toContain('/login?next=');
        expect(statusOf(await ask(port, '/account/a', 'POST'))).toBe(403);
        expect(headerOf(await ask(port, '/folder?a=1'), 'Location')).toBe('/folder/?a=1');
        expect(bodyOf(await ask(port, '/folder/'))).toBe('folder');
        expect(statusOf(await ask(port, '/folder/', 'POST'))).toBe(404);
        expect(bodyOf(await ask(port, '/folder', 'POST'))).toBe('posted');
        expect(headerOf(await ask(port, '/page//'), 'Location')).toBe('/page');
        expect(bodyOf(await ask(port, '/page'))).toBe('page');
      },
      { loginUrl: '/login' },
    );
  });

  it('are errors of the compiler on what is no handler', async () => {
    await expect(compile(WRONG)).rejects.toMatchObject({ stdout: expect.stringContaining('program.ts(5,') });
  });
});
