import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { IOLoop } from '@landspout/ioloop';
import { afterEach, describe, expect, it } from 'vitest';
import { type ListenOptions, systemdSockets, TCPServer } from '../../src/index.ts';

const PROGRAM = fileURLToPath(new URL('../support/systemd-program.mjs', import.meta.url));
/** Becomes the program, so that the number that it is given is its own: what a service manager does after its fork. */
const ACTIVATE = 'LISTEN_PID=$$ exec "$0" "$@"';
const NOBODY = '1'; // process 1 is not one that a test starts

describe('systemdSockets', () => {
  const children: ChildProcess[] = [];
  const parents: Server[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const parent of parents.splice(0)) parent.close();
  });

  interface Started {
    readonly child: ChildProcess;
    readonly report: Record<string, unknown>;
  }

  /** Starts the program with `descriptors` from 3 on. @param servers - what its servers listen on. */
  async function start(
    servers: string[],
    descriptors: number[],
    env: NodeJS.ProcessEnv,
    script = ACTIVATE,
  ): Promise<Started> {
    const child = spawn('sh', ['-c', script, process.execPath, PROGRAM, ...servers], {
      stdio: ['pipe', 'pipe', 'inherit', ...descriptors],
      env: { ...process.env, ...env },
    });
    children.push(child);
    const [line] = (await once(createInterface(child.stdout as NodeJS.ReadableStream), 'line')) as [string];
    return { child, report: JSON.parse(line) };
  }

  /** A socket that a service manager would hold: nobody connects before the child has it. */
  async function listening(where: { port: number; host: string } | { path: string }): Promise<Server> {
    const parent = createServer((socket) => socket.destroy()).listen(where);
    parents.push(parent);
    await once(parent, 'listening');
    return parent;
  }

  const onLoopback = () => listening({ port: 0, host: '127.0.0.1' });

  it('are served, and leave nothing to a child to mistake for its own [SRV-02]', async () => {
    const parent = await onLoopback();
    const port = portOf(parent);
    const { child, report } = await start(['all'], [descriptorOf(parent)], { LISTEN_FDS: '1' });
    parent.close();
    expect(report).toEqual({
      sockets: [{ fd: 3, name: 'unknown' }],
      addresses: [[{ family: 'IPv4', address: '127.0.0.1', port }]],
      child: { inherited: [], variables: [] },
    });
    expect(await text(connect(port, '127.0.0.1'))).toBe('all');
    child.stdin?.end();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('are found by their names [SRV-02]', async () => {
    const [web, admin] = [await onLoopback(), await onLoopback()];
    const { report } = await start(['admin', 'web'], [descriptorOf(web), descriptorOf(admin)], {
      LISTEN_FDS: '2',
      LISTEN_FDNAMES: 'web:admin',
    });
    const [webPort, adminPort] = [portOf(web), portOf(admin)];
    web.close();
    admin.close();
    expect(report.addresses).toMatchObject([[{ port: adminPort }], [{ port: webPort }]]);
    expect(await text(connect(webPort, '127.0.0.1'))).toBe('web');
    expect(await text(connect(adminPort, '127.0.0.1'))).toBe('admin');
  });

  it('may be Unix sockets, whose file the service manager keeps [NET-02]', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'landspout-'));
    try {
      const path = join(folder, 'a.sock');
      const parent = await listening({ path });
      const { child, report } = await start(['all'], [descriptorOf(parent)], { LISTEN_FDS: '1' });
      // Node does not ask the system for the name of a Unix socket.
      const isKnown = IOLoop.current().backend === 'native';
      expect(report.addresses).toEqual([[{ family: 'unix', path: isKnown ? path : '' }]]);
      // Whose turn it is to accept is up to the system, as the parent listens too: ask until it was the child's.
      let answer = '';
      while (answer === '') answer = await text(connect(path)).catch(() => '');
      expect(answer).toBe('all');
      child.stdin?.end();
      expect(await once(child, 'exit')).toEqual([0, null]);
      expect((await text(connect(path))).length).toBe(0); // still there, and the parent's
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([
    ['for another process', { LISTEN_PID: NOBODY, LISTEN_FDS: '1' }, 'ERR_LISTEN_NOT_ACTIVATED'],
    ['none', { LISTEN_FDS: '0' }, 'ERR_LISTEN_NOT_ACTIVATED'],
    ['of other names', { LISTEN_FDS: '1', LISTEN_FDNAMES: 'web' }, 'ERR_LISTEN_ACTIVATION'],
    ['of fewer names', { LISTEN_FDS: '2', LISTEN_FDNAMES: 'web' }, 'ERR_LISTEN_ACTIVATION'],
  ])('are missed when there are sockets %s [SRV-02]', async (_, env, code) => {
    const parent = await onLoopback();
    const script = 'LISTEN_PID' in env ? 'exec "$0" "$@"' : ACTIVATE;
    const { report } = await start(['admin'], [descriptorOf(parent)], env, script);
    expect(report).toEqual({ name: 'ListenUsageError', code, hasFirst: true });
  });

  it('are refused when they are no sockets [SRV-02]', async () => {
    const fd = openSync(PROGRAM, 'r');
    const { report } = await start(['all'], [fd], { LISTEN_FDS: '1' });
    closeSync(fd);
    expect(report).toMatchObject({ name: 'StreamUsageError', code: 'ERR_STREAM_USAGE' });
  });

  it('are all closed when one of them cannot be had [SRV-02]', async () => {
    const parent = await onLoopback();
    const fd = openSync(PROGRAM, 'r');
    const { report } = await start(['all'], [descriptorOf(parent), fd], { LISTEN_FDS: '2' });
    closeSync(fd);
    expect(report).toEqual({ name: 'StreamUsageError', code: 'ERR_STREAM_USAGE', hasFirst: false });
  });

  it('are missed by a program that was started by hand [SRV-02]', async () => {
    expect(() => systemdSockets()).toThrow(expect.objectContaining({ code: 'ERR_LISTEN_NOT_ACTIVATED' }));
    const server = new TCPServer({ handleStream() {} });
    await expect(server.listen({ systemd: true })).rejects.toMatchObject({
      code: 'ERR_LISTEN_NOT_ACTIVATED',
    });
  });

  it.each([
    { systemd: '' },
    { systemd: false as unknown as true },
    { systemd: true, port: 80 },
    { systemd: true, fd: 3 },
    { systemd: 'web', mode: 0o600 },
    { path: '/tmp/a.sock', host: 'localhost' },
  ] satisfies ListenOptions[])('does not go with %j', async (options) => {
    const server = new TCPServer({ handleStream() {} });
    await expect(server.listen(options)).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
  });
});

const portOf = (server: Server): number => (server.address() as { port: number }).port;

/** Node does not say in its documents which one it is, but on POSIX systems it says it. */
function descriptorOf(server: Server): number {
  return (server as unknown as { _handle: { fd: number } })._handle.fd;
}
