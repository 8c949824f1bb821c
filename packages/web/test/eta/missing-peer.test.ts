import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Views } from './views.ts';

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));
/** The optional peers of the package. */
const PEERS = ['eta', 'linkify-it', 'entities'];

/** Installs the built package in a folder as npm does for a program without the optional peers. */
function install(folder: string): void {
  if (!existsSync(path.join(PACKAGE, 'dist/eta/index.js')))
    throw new Error('the package is not built: pnpm build');
  const modules = path.join(folder, 'node_modules');
  const own = path.join(modules, '@landspout/web');
  mkdirSync(own, { recursive: true });
  for (const part of ['package.json', 'dist']) {
    cpSync(path.join(PACKAGE, part), path.join(own, part), { recursive: true });
  }
  const installed = path.join(PACKAGE, 'node_modules');
  const scoped = readdirSync(path.join(installed, '@landspout')).map((name) => `@landspout/${name}`);
  const plain = readdirSync(installed).filter((name) => !/^[.@]/.test(name) && !PEERS.includes(name));
  for (const name of [...scoped, ...plain, '@standard-schema']) {
    symlinkSync(path.join(installed, name), path.join(modules, name));
  }
}

async function run(folder: string, program: string): Promise<unknown> {
  const args = ['--input-type=module', '--eval', program];
  // A package manager that runs this test may set NODE_PATH, where `require` would find the peers.
  const env = { ...process.env, NODE_PATH: '' };
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, env });
  return JSON.parse(stdout);
}

describe('@landspout/web/eta without the package eta', () => {
  it('names the package and the command that installs it', async () => {
    using views = new Views();
    install(views.folder);
    const program = `
      const { Application } = await import('@landspout/web');
      const error = await import('@landspout/web/eta').catch((error) => error);
      const { name, code, message } = error;
      console.log(JSON.stringify({ application: typeof Application, name, code, message }));`;
    expect(await run(views.folder, program)).toEqual({
      application: 'function',
      name: 'WebUsageError',
      code: 'ERR_WEB_MISSING_PEER',
      message: '@landspout/web/eta requires the package eta, which is not installed: npm i eta',
    });
  });

  it('works when the package is there', async () => {
    using views = new Views({ 'views/page.eta': '<%= it.x %>' });
    install(views.folder);
    symlinkSync(path.join(PACKAGE, 'node_modules/eta'), views.path('node_modules/eta'));
    const program = `
      const { EtaEngine } = await import('@landspout/web/eta');
      console.log(JSON.stringify(new EtaEngine({ views: 'views' }).render('page', { x: '<' })));`;
    expect(await run(views.folder, program)).toBe('&lt;');
  });
});
