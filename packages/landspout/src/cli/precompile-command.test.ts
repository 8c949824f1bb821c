import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { EtaEngine } from '@landspout/web/eta';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { command } from './precompile-command.ts';
import { CommandFailure, WrongUsage } from './wrong-usage.ts';

describe('landspout precompile', () => {
  let folder = '';
  const run = (...args: string[]) => command.run(args, import.meta.url);

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'precompile-'));
    mkdirSync(path.join(folder, 'views'));
    writeFileSync(path.join(folder, 'views/page.eta'), '<b><%= it.x %></b>');
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    ['views.js', 'views.d.ts'],
    ['views.mjs', 'views.d.mts'],
  ])('writes the module %s, and its declarations to %s [TP-08]', async (module, types) => {
    const file = path.join(folder, module);
    writeFileSync(file, 'old');
    expect(await run(path.join(folder, 'views'), '-o', file)).toBe(0);
    expect(readdirSync(folder).sort()).toEqual([types, module, 'views'].sort());
    expect(readFileSync(path.join(folder, types), 'utf8')).toContain('export default precompiled;');
    const source = readFileSync(file, 'utf8');
    const copy = path.join(folder, 'copy.mjs');
    writeFileSync(copy, source);
    const engine = new EtaEngine({ templates: await import(pathToFileURL(copy).href) });
    expect(engine.render('page', { x: '<' })).toBe('<b>&lt;</b>');
  });

  it('leaves the module as it was if a template is invalid, and names its line', async () => {
    const file = path.join(folder, 'views.js');
    writeFileSync(file, 'old');
    writeFileSync(path.join(folder, 'views/broken.eta'), '\n<% } %>');
    const running = run(path.join(folder, 'views'), '-o', file);
    await expect(running).rejects.toThrow(/^broken\.eta:2: Unexpected token '}'[^\n]*$/);
    await expect(running).rejects.toBeInstanceOf(CommandFailure);
    expect(readFileSync(file, 'utf8')).toBe('old');
    expect(readdirSync(folder).sort()).toEqual(['views', 'views.js']);
  });

  it('reports a file that cannot be written', async () => {
    const running = run(path.join(folder, 'views'), '-o', path.join(folder, 'missing/views.js'));
    await expect(running).rejects.toThrow('ENOENT');
    await expect(running).rejects.toBeInstanceOf(CommandFailure);
  });

  it('reports wrong usage', async () => {
    const missing = run(path.join(folder, 'nothing'));
    await expect(missing).rejects.toThrow('views must be the path of a folder that can be read');
    await expect(missing).rejects.toBeInstanceOf(WrongUsage);
    const named = run(path.join(folder, 'views'), '--function', 'a b');
    await expect(named).rejects.toThrow('the name of a function must be a name of JavaScript');
    expect(await run('--help')).toBe('help');
  });
});
