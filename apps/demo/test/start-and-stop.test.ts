import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { AsyncHTTPClient, TCPClient, type WebSocketClientConnection, websocketConnect } from 'landspout';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EVENTUALLY } from './demo-browser.ts';
import { DemoProcess, MAIN, startDemo } from './demo-process.ts';

/** Long enough for a busy machine, but below the longest time of a stop. */
const STOP_WITHIN_MS = 6_000;

function connect(origin: string): Promise<WebSocketClientConnection> {
  const url = `${origin.replace('http:', 'ws:')}/live`;
  return websocketConnect(url, { subprotocols: ['landspout.topics.v1'] });
}

describe('the demo as a process', () => {
  let data: string;
  beforeEach(() => {
    data = mkdtempSync(join(tmpdir(), 'landspout-demo-test-'));
  });
  afterEach(() => rmSync(data, { recursive: true, force: true }));

  const originOf = async (demo: DemoProcess) => new URL(await demo.address()).origin;

  it('prints both addresses, the folder of its data, and which backend runs and why', async () => {
    await using demo = startDemo(data);
    const origin = await originOf(demo);
    expect(origin).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    const backend = process.env.LANDSPOUT_BACKEND === 'portable' ? 'portable' : 'native';
    expect(demo.stdout).toContain(`chat: ${origin}/\n`);
    expect(demo.stdout).toContain(`response: ${origin}/response\n`);
    expect(demo.stdout).toContain(`kept in ${data} `);
    expect(demo.stdout).toMatch(new RegExp(`backend: ${backend}, because \\S+`));
  });

  it('keeps its data in a folder of its own for a free port, which is gone after it has stopped', async () => {
    await using demo = new DemoProcess(['--port', '0'], { PORT: '1' });
    expect(await originOf(demo)).not.toMatch(/:1$/);
    const folder = /kept in (\S+)/.exec(demo.stdout)?.[1] ?? '';
    expect(existsSync(folder)).toBe(true);
    await demo.signal('SIGTERM');
    expect(existsSync(folder)).toBe(false);
  });

  it('serves pages that may load and call only their own server, and their source', async () => {
    await using demo = startDemo(data);
    const origin = await originOf(demo);
    await using client = new AsyncHTTPClient();
    for (const path of ['/', '/response', '/source/']) {
      const page = await client.fetch(origin + path);
      const policy = page.headers.get('Content-Security-Policy');
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toContain('unsafe');
      const links = [...page.text().matchAll(/(?:src|href)="([^"]*)"/g)].map(([, link]) => link as string);
      expect(links.length).toBeGreaterThan(4);
      for (const link of links) {
        expect(link).toMatch(/^\//);
        expect((await client.fetch(origin + link)).status, link).toBe(200);
      }
    }
    const source = await client.fetch(`${origin}/source/site/live-handler.ts`);
    expect(source.headers.get('Content-Type')).toBe('text/plain; charset=utf-8');
    expect(source.text()).toContain('class LiveHandler');
    const outside = await client.fetch(`${origin}/source/../package.json`, { raiseError: false });
    expect(outside.status).toBe(404);
  });

  it.each([
    ['SIGINT', 'the app'],
    ['SIGTERM', 'the app'],
    ['SIGINT', 'its group'],
  ] as const)('stops with 0 at %s to %s, with connections open', async (name, target) => {
    await using demo = startDemo(data);
    const origin = await originOf(demo);
    await using page = await connect(origin);
    await page.writeMessage('{"op":"sub","topic":"process","id":1}');
    await page.readMessage();
    await using lurker = await connect(origin);
    await using client = new AsyncHTTPClient();
    await client.fetch(origin); // its connection stays open and idle
    const ending = target === 'the app' ? demo.signal(name) : demo.signalGroup(name);
    const late = after(STOP_WITHIN_MS, 'it took too long', { ref: false });
    expect(await Promise.race([ending, late])).toMatchObject({ code: 0, signal: null, stderr: '' });
    await Promise.all([page.waitClosed(), lurker.waitClosed()]);
    expect([page.closeCode, lurker.closeCode]).toEqual([1012, 1012]);
  });

  /** A demo with a WebSocket, and with a request that does not end. */
  async function startWithPeers(processes: string) {
    const demo = startDemo(data, { args: ['--processes', processes] });
    const url = new URL(await demo.address());
    const silent = await connect(url.origin);
    const stuck = await new TCPClient().connect({ host: url.hostname, port: Number(url.port) });
    await stuck.write(Buffer.from('POST /visitors HTTP/1.1\r\nHost: a\r\n'));
    const dispose = async () => {
      stuck.close();
      await silent[Symbol.asyncDispose]();
      await demo[Symbol.asyncDispose]();
    };
    return { demo, [Symbol.asyncDispose]: dispose };
  }

  it.each(['1', '2'])(
    'counts down with --processes %s until it stops with 0, although a peer never ends',
    async (processes) => {
      await using scene = await startWithPeers(processes);
      const { code, signal, stdout, stderr } = await scene.demo.signal('SIGINT');
      expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
      const lines = stdout.split('\n').filter((line) => line.startsWith('stop'));
      expect(lines[0]).toMatch(/^stopping: [12] connections? left, at most 8 s; Ctrl-C again stops at once$/);
      const seconds = lines.slice(0, -1).map((line) => Number(/at most (\d) s/.exec(line)?.[1]));
      expect(seconds).toEqual([...seconds].sort().reverse());
      expect(new Set(seconds).size).toBeGreaterThan(3);
      expect(lines.at(-1)).toBe('stopped');
    },
  );

  it.each(['1', '2'])('stops at once at a second Ctrl-C, with --processes %s', async (processes) => {
    await using scene = await startWithPeers(processes);
    const ending = scene.demo.signal('SIGINT');
    // Later than a package runner passes on the first one.
    await expect.poll(() => scene.demo.stdout, EVENTUALLY).toContain('at most 7 s');
    void scene.demo.signal('SIGINT');
    const { code, signal, stdout } = await ending;
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(stdout).toMatch(/stopped\n$/);
    expect(stdout).not.toContain('at most 1 s');
  });

  it('rewrites one line on a terminal while it stops', async () => {
    const command = `'${process.execPath}' '${MAIN}' --port 0 --data '${data}'`;
    const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    await expect.poll(() => output, EVENTUALLY).toContain('backend:');
    child.stdin.write('\x03');
    await once(child, 'close');
    const [, ...states] = output.split('\r\x1b[2K');
    expect(states.length).toBeGreaterThan(1);
    for (const state of states.slice(0, -1)) expect(state).toMatch(/^stopping: \d connections left[^\n]*$/);
    expect(states.at(-1)).toBe('stopped\r\n');
  });

  it('starts several processes, says so once, and has none left after it has stopped', async () => {
    await using demo = startDemo(data, { args: ['--processes', '3'] });
    const origin = await originOf(demo);
    expect(demo.stdout.match(/chat: http/g)).toHaveLength(1);
    expect(demo.stdout).toContain(`  3 processes, started by process ${demo.pid};`);
    await using page = await connect(origin);
    const { code, signal, stderr } = await demo.signalGroup('SIGINT');
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    await page.waitClosed();
    expect(page.closeCode).toBe(1012);
    expect(demo.hasGroup).toBe(false);
  });

  it.each(['1', '2'])(
    'says in one line that its port is in use, and ends with 1, with --processes %s',
    async (processes) => {
      const other = createServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      const { port } = other.address() as { port: number };
      await using demo = new DemoProcess(['--port', `${port}`, '--data', data, '--processes', processes]);
      const { code, stdout, stderr } = await demo.ending();
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(new RegExp(`^port ${port} is in use \\(EADDRINUSE\\).*--port.*\n$`));
      other.close();
    },
  );

  it.each(['1', '2'])(
    'says in one line that another demo has its folder, and ends with 1, with --processes %s',
    async (processes) => {
      const start = { args: ['--processes', processes] };
      await using first = startDemo(data, start);
      await first.address();
      await using second = startDemo(data, start);
      const { code, stderr } = await second.ending();
      expect(code).toBe(1);
      expect(stderr).toMatch(/^another demo .*ERR_TOPICS_JOURNAL_IN_USE.*--data.*\n$/);
    },
  );
});
