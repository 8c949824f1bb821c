import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { examplePath, runExample } from './demo-process.ts';
import { GeneratedSite } from './generated-site.ts';

/** Set LANDSPOUT_CRAWLED_PAGES=10000 for a large site. */
const PAGES = Number(process.env.LANDSPOUT_CRAWLED_PAGES ?? 300);
const LIMIT_MS = 30_000 + PAGES * 20;

function linesOf(stdout: string) {
  const lines = stdout.trimEnd().split('\n');
  const summary = lines.pop();
  return { lines: lines.sort(), summary };
}

describe('crawler.ts', () => {
  it('fetches every page of a site once, and says what failed', { timeout: LIMIT_MS }, async () => {
    await using site = await GeneratedSite.start(PAGES);
    const { code, stdout, stderr } = await runExample('crawler', [site.url, String(2 * PAGES)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { fetched, redirectTargets, failed } = site.paths;
    const { lines, summary } = linesOf(stdout);
    const statusOf = (path: string) => (path === '/elsewhere' ? 302 : 404);
    expect(lines).toEqual(
      [
        ...fetched.map((path) => `fetched ${site.url}${path}`),
        ...failed.map((path) => `failed ${site.url}${path}: status ${statusOf(path)}`),
      ].sort(),
    );
    expect(summary).toBe(`${fetched.length} fetched, ${failed.length} failed`);
    const expected = [...fetched, ...failed].map((path) => [path, redirectTargets.includes(path) ? 2 : 1]);
    expect([...site.requests].sort()).toEqual(expected.sort());
  });

  it('has ten requests in progress at most', async () => {
    await using site = await GeneratedSite.start(100);
    await runExample('crawler', [site.url]);
    expect(site.maxConcurrent).toBeGreaterThan(1);
    expect(site.maxConcurrent).toBeLessThanOrEqual(10);
  });

  it('stops at the limit of pages', async () => {
    await using site = await GeneratedSite.start(100);
    const { code, stdout } = await runExample('crawler', [site.url, '20']);
    expect(code).toBe(0);
    const { lines, summary } = linesOf(stdout);
    expect(lines).toHaveLength(20);
    expect(summary).toMatch(/^\d+ fetched, \d+ failed; the limit of 20 pages was reached$/);
  });

  it('stops at the deadline', async () => {
    await using site = await GeneratedSite.start(1);
    const { code, stdout, stderr } = await runExample('crawler', [`${site.url}/slow`, '10', '0.2']);
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '0 fetched, 0 failed; stopped after 0.2 s\n',
      stderr: '',
    });
  });

  it('says why a server cannot be reached', async () => {
    const { stdout } = await runExample('crawler', ['http://127.0.0.1:1/']);
    expect(stdout).toBe('failed http://127.0.0.1:1/: ERR_HTTPCLIENT_CONNECT\n0 fetched, 1 failed\n');
  });

  it('shows its progress in one line on a terminal', async () => {
    await using site = await GeneratedSite.start(100);
    const command = `'${process.execPath}' '${examplePath('crawler')}' '${site.url}/slow' 10 0.5`;
    const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    await once(child, 'close');
    const states = output.split('\r\x1b[2K');
    expect(new Set(states.slice(1, -1))).toEqual(new Set(['0 fetched, 0 failed, 0 waiting']));
    expect(states.at(-1)).toBe('0 fetched, 0 failed; stopped after 0.5 s\r\n');
  });

  it('refuses arguments that are no URL or number', async () => {
    for (const args of [['nowhere'], ['http://a/', 'many'], ['http://a/', '1', '0']]) {
      const { code, stderr } = await runExample('crawler', args);
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: 'usage: node crawler.ts URL [most pages] [seconds]\n',
      });
    }
  });
});
