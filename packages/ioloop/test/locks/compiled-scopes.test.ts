import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const PROGRAM = fileURLToPath(new URL('../fixtures/scope-program.ts', import.meta.url));
const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));

/** A project of a user, with the built package in its node_modules. */
let project = '';

beforeAll(async () => {
  project = await mkdtemp(path.join(tmpdir(), 'landspout-scopes-'));
  const modules = path.join(project, 'node_modules');
  await mkdir(path.join(modules, '@landspout'), { recursive: true });
  await mkdir(path.join(modules, '@types'));
  await symlink(PACKAGE, path.join(modules, '@landspout/ioloop'), 'junction');
  const types = path.dirname(require.resolve('@types/node/package.json'));
  await symlink(types, path.join(modules, '@types/node'), 'junction');
  await copyFile(PROGRAM, path.join(project, 'program.ts'));
  await writeFile(path.join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
});
afterAll(() => rm(project, { recursive: true, force: true }));

/** Runs the command of a package that compiles. */
async function compile(command: string, name: string, args: readonly string[]): Promise<void> {
  const manifest = require.resolve(`${name}/package.json`);
  const { bin } = require(manifest) as { bin: Record<string, string> };
  const script = path.join(path.dirname(manifest), bin[command] ?? '');
  await run(process.execPath, [script, ...args], { cwd: project });
}

const EVENTS = ['a in', 'a out', 'b in', 'b out', '0 free', '1 free', 'TypeError', ''].join('\n');

describe('a program with scopes of guards', () => {
  it('runs on this Node when the TypeScript compiler made it for Node 20 [LOCK-03] [LOCK-04]', async () => {
    const compilerOptions = {
      target: 'es2022',
      lib: ['es2023', 'esnext.disposable'],
      module: 'nodenext',
      types: ['node'],
      strict: true,
      outDir: 'tsc',
    };
    const config = { compilerOptions, files: ['program.ts'] };
    await writeFile(path.join(project, 'tsconfig.json'), JSON.stringify(config));
    await compile('tsc', 'typescript', ['-p', '.']);
    const { stdout } = await run(process.execPath, [path.join(project, 'tsc/program.js')]);
    expect(stdout).toBe(EVENTS);
  });

  it('runs on this Node when tsup made it for Node 20 [LOCK-03] [LOCK-04]', async () => {
    const args = ['program.ts', '--no-config', '--format', 'esm', '--target', 'node20', '--out-dir', 'tsup'];
    await compile('tsup', 'tsup', args);
    const { stdout } = await run(process.execPath, [path.join(project, 'tsup/program.js')]);
    expect(stdout).toBe(EVENTS);
  });
});
