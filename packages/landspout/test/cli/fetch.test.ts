import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { run } from './fixtures/program.ts';
import { makeIdentityFiles, TestServer } from './fixtures/servers.ts';

/** More than one read returns. */
const BODY = 'a page of a stranger\n'.repeat(20_000);

/** What `/echo` responds with. */
interface Echo {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  switch (request.url) {
    case '/page':
      response.writeHead(200, { 'X-Test': ['one', 'gr\u00fcn'], 'Content-Length': BODY.length }).end(BODY);
      return;
    case '/gzip':
      response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync('decoded'));
      return;
    case '/redirect':
      response.writeHead(302, { Location: 'http://me:secret@127.0.0.1:1/' }).end('moved\n');
      return;
    case '/moved':
      response.writeHead(307, { Location: '/echo' }).end();
      return;
    case '/missing':
      response.writeHead(404).end('no such page\n');
      return;
    case '/cut':
      response.writeHead(200, { 'Content-Length': 100 }).write('only a part');
      setImmediate(() => request.socket.destroy());
      return;
    case '/never':
      return;
    case '/digest':
      digest(request, response);
      return;
    default: {
      let body = '';
      for await (const piece of request.setEncoding('utf8')) body += piece;
      const { method, headers } = request;
      response.end(JSON.stringify({ method, headers, body }));
    }
  }
}

/** RFC 2617, as old servers have it. */
function digest(request: IncomingMessage, response: ServerResponse): void {
  const md5 = (text: string) => createHash('md5').update(text).digest('hex');
  const sent = request.headers.authorization ?? '';
  const field = (name: string) => new RegExp(`\\b${name}="?([^",]+)`).exec(sent)?.[1];
  const proof = md5(
    `${md5('me:r:secret')}:n:${field('nc')}:${field('cnonce')}:auth:${md5(`${request.method}:/digest`)}`,
  );
  if (field('response') === proof) response.end('welcome');
  else response.writeHead(401, { 'WWW-Authenticate': 'Digest realm="r", nonce="n", qop="auth"' }).end();
}

describe('landspout fetch', () => {
  let server: TestServer;
  let folder: string;

  beforeAll(async () => {
    server = await TestServer.start((request, response) => void respond(request, response));
  });
  afterAll(() => server[Symbol.asyncDispose]());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'landspout-cli-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const fetchPath = (path: string, ...args: string[]) => run(['fetch', ...args, server.url + path]);

  async function echoOf(args: readonly string[], input?: string): Promise<Echo> {
    const options = input === undefined ? {} : { input };
    const { code, stdout, stderr } = await run(['fetch', ...args, `${server.url}/echo`], options);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout);
  }

  describe('the response', () => {
    it('is printed: its body, and with --print-headers its head before it [HC-07]', async () => {
      expect(await fetchPath('/page')).toEqual({ code: 0, signal: null, stdout: BODY, stderr: '' });
      const { stdout } = await fetchPath('/page', '--print-headers');
      const [head = '', body] = stdout.split(/\n\n(.*)/s);
      expect(head).toMatch(/^HTTP\/1\.1 200 OK\nX-Test: one\nX-Test: gr.n\n/);
      expect(body).toBe(BODY);
      const { stdout: headOnly } = await fetchPath('/page', '--print-headers', '--no-print-body');
      expect(headOnly).toMatch(/^HTTP\/1\.1 200 OK\n.*\n\n$/s);
      expect(headOnly).not.toContain('stranger');
    });

    it('is decoded, or printed as it was sent [CU-02] [HC-07]', async () => {
      expect((await fetchPath('/gzip')).stdout).toBe('decoded');
      await fetchPath('/gzip', '--no-decompress', '-o', join(folder, 'a.gz'));
      expect(readFileSync(join(folder, 'a.gz'))).toEqual(gzipSync('decoded'));
    });

    it('is printed if its status is not 2xx, and the exit code is 22 [HC-07]', async () => {
      expect(await fetchPath('/missing')).toEqual({
        code: 22,
        signal: null,
        stdout: 'no such page\n',
        stderr: `landspout fetch: GET ${server.url}/missing: 404 Not Found (ERR_HTTPCLIENT_STATUS)\n`,
      });
      expect(await fetchPath('/missing', '--no-raise-error')).toMatchObject({ code: 0, stderr: '' });
    });

    it('of a redirect that is not followed names the target, without credentials [HC-07]', async () => {
      const { code, stdout, stderr } = await fetchPath('/redirect', '--no-follow-redirects');
      expect({ code, stdout }).toEqual({ code: 22, stdout: 'moved\n' });
      expect(stderr).toMatch(
        /: 302 Found \(to http:\/\/\*\*\*@127\.0\.0\.1:1\/\) \(ERR_HTTPCLIENT_STATUS\)\n$/,
      );
    });

    it('has its timings printed to standard error', async () => {
      const { stdout, stderr } = await fetchPath('/page', '--timings');
      expect(stdout).toBe(BODY);
      const lines = stderr.trimEnd().split('\n');
      const labels = ['redirects', 'queue', 'dns', 'connect', 'tls', 'send', 'first byte', 'total'];
      expect(lines.map((line) => line.replace(/ +\d+\.\d ms$/, ''))).toEqual(labels);
    });
  });

  describe('--output', () => {
    it('saves the body, and prints no progress where there is no terminal', async () => {
      const file = join(folder, 'page');
      expect(await fetchPath('/page', '-o', file)).toMatchObject({ code: 0, stdout: '', stderr: '' });
      expect(readFileSync(file, 'utf8')).toBe(BODY);
    });

    it('shows percent, bytes and rate on a terminal', async () => {
      const file = join(folder, 'page');
      const args = ['fetch', '-o', file, `${server.url}/page`];
      const { code, stdout } = await run(args, { terminal: true });
      expect(code).toBe(0);
      expect(stdout).toMatch(/100% (\[#+\] )?410\.2 KiB of 410\.2 KiB, [\d.]+ \w+\/s\r\n$/);
      expect(readFileSync(file, 'utf8')).toBe(BODY);
    });

    it('replaces the target of a symbolic link, and writes to a pipe', async () => {
      writeFileSync(join(folder, 'real'), 'old');
      symlinkSync('real', join(folder, 'link'));
      await fetchPath('/page', '-o', join(folder, 'link'));
      expect(readFileSync(join(folder, 'real'), 'utf8')).toBe(BODY);
      const pipe = join(folder, 'pipe');
      const execute = promisify(execFile);
      await execute('mkfifo', [pipe]);
      const [{ stdout }, { code }] = await Promise.all([
        execute('cat', [pipe]),
        fetchPath('/page', '-o', pipe),
      ]);
      expect({ code, stdout }).toEqual({ code: 0, stdout: BODY });
      expect(statSync(pipe).isFIFO()).toBe(true);
    });

    it('leaves an existing file alone if the response is cut off or not 2xx', async () => {
      const file = join(folder, 'page');
      writeFileSync(file, 'old');
      const cut = await fetchPath('/cut', '-o', file);
      expect(cut.code).toBe(1);
      expect(cut.stderr).toMatch(
        /^landspout fetch: GET http:\/\/[^ ]+\/cut: .+ \(ERR_HTTPCLIENT_CLOSED, phase: body\)\n$/,
      );
      expect(await fetchPath('/missing', '-o', file)).toMatchObject({ code: 22, stdout: 'no such page\n' });
      expect(readFileSync(file, 'utf8')).toBe('old');
      expect(readdirSync(folder)).toEqual(['page']);
    });

    it('says why a file cannot be written', async () => {
      const file = join(folder, 'none', 'page');
      const { code, stderr } = await fetchPath('/page', '-o', file);
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^landspout fetch: GET http:\/\/[^ ]+\/page: the body cannot be saved: ENOENT: .+\n$/,
      );
    });
  });

  describe('the request', () => {
    it('has the method, the headers and the data of the command line', async () => {
      expect(await echoOf(['-X', 'PURGE', '-H', 'X-A: b', '-H', 'User-Agent: me'])).toMatchObject({
        method: 'PURGE',
        headers: { 'x-a': 'b', 'user-agent': 'me' },
        body: '',
      });
      expect(await echoOf(['-d', 'a=1', '-d', 'b=\u00e4'])).toMatchObject({
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'a=1&b=\u00e4',
      });
      expect(await echoOf(['--json', '{"a":1}', '-X', 'PUT', '-H', 'accept: text/plain'])).toMatchObject({
        method: 'PUT',
        headers: { 'content-type': 'application/json', accept: 'text/plain' },
        body: '{"a":1}',
      });
    });

    it('sends a file with its length, again after a redirect', async () => {
      const file = join(folder, 'data');
      writeFileSync(file, BODY);
      const { code, stdout } = await run(['fetch', '-d', `@${file}`, '-X', 'PUT', `${server.url}/moved`]);
      expect(code).toBe(0);
      const { method, headers, body }: Echo = JSON.parse(stdout);
      expect({ method, body }).toEqual({ method: 'PUT', body: BODY });
      expect(headers['content-length']).toBe(String(BODY.length));
    });

    it('sends standard input while it is read', async () => {
      const { headers, body } = await echoOf(['-d', '@-'], BODY);
      expect(body).toBe(BODY);
      expect(headers['transfer-encoding']).toBe('chunked');
    });

    it('says why the file of the body cannot be read', async () => {
      const { code, stderr } = await fetchPath('/echo', '-d', `@${join(folder, 'none')}`);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^landspout fetch: the file of the body cannot be read: ENOENT: /);
    });

    it('has basic credentials, or digest credentials after a challenge [HC-07]', async () => {
      const { headers } = await echoOf(['-u', 'me:se:cret']);
      expect(headers.authorization).toBe(`Basic ${Buffer.from('me:se:cret').toString('base64')}`);
      expect((await fetchPath('/digest', '-u', 'me:secret', '--digest')).stdout).toBe('welcome');
      expect((await fetchPath('/digest', '-u', 'me:wrong', '--digest')).code).toBe(22);
    });

    it('goes to a Unix socket', async () => {
      const path = join(folder, 'socket');
      await using there = await TestServer.startAt(path, ({ url }, response) => response.end(`there ${url}`));
      const { stdout } = await run(['fetch', '--unix-socket', path, `${there.url}/a`]);
      expect(stdout).toBe('there /a');
    });

    it('goes through the proxy of the command line or of the environment [HC-07]', async () => {
      await using proxy = await TestServer.start(({ url }, response) => response.end(`proxied ${url}`));
      const proxied = { code: 0, stdout: 'proxied http://a.test/' };
      expect(await run(['fetch', '--proxy', proxy.url, 'http://a.test/'])).toMatchObject(proxied);
      const env = { http_proxy: proxy.url };
      expect(await run(['fetch', 'http://a.test/'], { env })).toMatchObject(proxied);
      const { stdout } = await run(['fetch', '--no-proxy', `${server.url}/gzip`], { env });
      expect(stdout).toBe('decoded');
    });
  });

  describe('over https', () => {
    it('verifies the certificate, unless it must not [HC-07]', async () => {
      const { keyFile, certFile } = makeIdentityFiles(folder);
      const identity = { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
      await using secure = await TestServer.startSecure(identity, (_, response) => response.end('safe'));
      const refused = await run(['fetch', secure.url]);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(/: cannot connect: .*\(ERR_HTTPCLIENT_CONNECT, phase: tls\)\n$/);
      expect(await run(['fetch', '--no-validate-cert', secure.url])).toMatchObject({
        code: 0,
        stdout: 'safe',
      });
      expect(await run(['fetch', '--ca-file', certFile, secure.url])).toMatchObject({
        code: 0,
        stdout: 'safe',
      });
    });
  });

  describe('a failure', () => {
    it('is one line with the code, the phase and the URL without credentials, and the exit code is 1 [HC-07]', async () => {
      const { code, stdout, stderr } = await run(['fetch', 'http://me:secret@127.0.0.1:1/a']);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(
        /^landspout fetch: GET http:\/\/127\.0\.0\.1:1\/a: cannot connect: .*ECONNREFUSED.* \(ERR_HTTPCLIENT_CONNECT, phase: connect\)\n$/,
      );
    });

    it('names the limit that was exceeded', async () => {
      const slow = await fetchPath('/never', '--timeout', '0.05');
      expect(slow.code).toBe(1);
      expect(slow.stderr).toMatch(/\(50 ms\).* \(ERR_HTTPCLIENT_TIMEOUT, phase: \w+\)\n$/);
      const large = await fetchPath('/page', '--max-bytes', '1000', '-o', join(folder, 'page'));
      expect(large.code).toBe(1);
      expect(large.stderr).toMatch(/ 1000 bytes \(ERR_HTTPCLIENT_BODY_TOO_LARGE, phase: body\)\n$/);
      expect(readdirSync(folder)).toEqual([]);
    });
  });

  describe('wrong usage', () => {
    it.each([
      [[], 'landspout: the command is missing; see landspout --help'],
      [['dance'], 'landspout: unknown command "dance"; see landspout --help'],
      [['fetch'], 'landspout fetch: the URL is missing; see landspout fetch --help'],
      [
        ['fetch', '--frob', 'http://a/'],
        'landspout fetch: unknown option "--frob"; see landspout fetch --help',
      ],
      [
        ['fetch', 'ftp://me:secret@a/'],
        'landspout fetch: a URL with http: or https: was expected, not "ftp:" in "ftp://***@a/" (ERR_HTTPCLIENT_SCHEME)',
      ],
    ])('%j ends with 2 and one line', async (args, line) => {
      expect(await run(args)).toEqual({ code: 2, signal: null, stdout: '', stderr: `${line}\n` });
    });

    it('names the variable of the environment that is not a proxy', async () => {
      const { code, stderr } = await run(['fetch', server.url], { env: { http_proxy: 'ftp://me:secret@p' } });
      expect(code).toBe(2);
      expect(stderr).toMatch(/^landspout fetch: http_proxy: /);
      expect(stderr).not.toContain('secret');
    });

    it('is helped by --help, which is printed to standard output [HC-07]', async () => {
      expect(await run(['--help'])).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('landspout fetch'),
      });
      const { code, stdout } = await run(['fetch', '--help']);
      expect(code).toBe(0);
      expect(stdout).toMatch(/--proxy.+--print-headers.+Exit codes/s);
      const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
      expect((await run(['--version'])).stdout).toBe(`${JSON.parse(manifest).version}\n`);
    });
  });
});
