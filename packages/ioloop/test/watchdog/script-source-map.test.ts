import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { ScriptSourceMap } from '../../src/watchdog/stack-frames.ts';
import { WatchedProgram } from './fixtures/watched-program.ts';

/** Line n of the compiled file comes from line n + 10 of the source. */
const MAP = {
  version: 3,
  sources: ['../source/handler.ts'],
  names: [],
  mappings: `AAUA${';AACA'.repeat(20)}`,
};
const DIST = new URL('../../dist/', import.meta.url).href;
const COMPILED = `import { existsSync } from 'node:fs';

import { IOLoop } from '${DIST}index.js';
IOLoop.current().watch();
setTimeout(function handler() {
  while (!existsSync(process.env.GATE));
}, 50);
process.stdin.resume().on('end', () => process.exit());
`;

describe('ScriptSourceMap', () => {
  const folders: string[] = [];
  const programs: WatchedProgram[] = [];
  afterEach(async () => {
    for (const program of programs.splice(0)) await program.discard();
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  function newFolder(): string {
    const folder = mkdtempSync(path.join(tmpdir(), 'landspout-maps-'));
    folders.push(folder);
    return folder;
  }

  const frame = { functionName: 'handler', url: 'file:///app/dist/a.js', line: 6, column: 3 };
  const script = { url: frame.url, sourceMapURL: dataUrl(MAP) };

  it('finds the place in the source, relative to the script', () => {
    expect(new ScriptSourceMap(script).original(frame)).toMatchObject({
      functionName: 'handler',
      url: 'file:///app/source/handler.ts',
      line: 16,
    });
  });

  it('reads maps with a root, with escapes instead of base64, and with sections', () => {
    const rooted = { ...MAP, sourceRoot: '/src', sources: ['handler.ts'] };
    const indexed = { version: 3, sections: [{ offset: { line: 0, column: 0 }, map: rooted }] };
    for (const sourceMapURL of [
      dataUrl(rooted),
      dataUrl(indexed),
      `data:application/json,${encodeURIComponent(JSON.stringify(rooted))}`,
    ]) {
      const { url, line } = new ScriptSourceMap({ ...script, sourceMapURL }).original(frame);
      expect([url, line]).toEqual(['file:///src/handler.ts', 16]);
    }
  });

  it('leaves the frame as it is when there is no such map, or it makes no sense', () => {
    const file = pathToFileURL(path.join(newFolder(), 'a.js')).href;
    for (const sourceMapURL of [
      undefined,
      '',
      'none.js.map',
      'https://example.com/a.map',
      'data:,{',
      'data:,1',
    ]) {
      expect(new ScriptSourceMap({ url: file, sourceMapURL }).original(frame)).toEqual(frame);
    }
  });

  it.each(['inline', 'external'])('gives a report the places of the source: %s map', async (kind) => {
    const folder = newFolder();
    const program = path.join(folder, 'compiled.mjs');
    writeFileSync(`${program}.map`, kind === 'external' ? JSON.stringify(MAP) : 'not read');
    const comment = kind === 'external' ? 'compiled.mjs.map' : dataUrl(MAP);
    writeFileSync(program, `${COMPILED}//# sourceMappingURL=${comment}\n`);
    const run = new WatchedProgram('', { program });
    programs.push(run);
    const source = path.join(path.dirname(folder), 'source/handler.ts');
    const record = await run.onErrors(/still is, in .*\n(?: {4}at .*\n)*? {4}at handler .*\n/);
    expect(record).toContain(`at handler (${source}:16:`);
  });
});

function dataUrl(map: object): string {
  return `data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}`;
}
