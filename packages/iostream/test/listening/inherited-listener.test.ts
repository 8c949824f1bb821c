import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { IOLoop } from '@landspout/ioloop';
import { afterEach, describe, expect, it } from 'vitest';
import { type ListenOptions, StreamUsageError, TCPServer } from '../../src/index.ts';

const PROGRAM = fileURLToPath(new URL('../support/inherited-program.mjs', import.meta.url));
const UNUSED = 100_000; // no process of a test has so many

describe('TCPServer over an inherited listener', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  /** Has a child listen on the listener of `parent`, too. @returns what the child says its address is. */
  async function handOver(parent: Server): Promise<{ child: ChildProcess; address: unknown }> {
    const child = spawn(process.execPath, [PROGRAM], {
      stdio: ['pipe', 'pipe', 'inherit', descriptorOf(parent)],
    });
    children.push(child);
    const [line] = (await once(createInterface(child.stdout as NodeJS.ReadableStream), 'line')) as [string];
    return { child, address: JSON.parse(line) };
  }

  async function listening(where: { port: number; host: string } | { path: string }): Promise<Server> {
    const server = createServer((socket) => socket.destroy()); // nobody connects before the child has it
    server.listen(where);
    await once(server, 'listening');
    return server;
  }

  const answerAt = (port: number) => text(connect(port, '127.0.0.1'));

  it('serves what connects, knows its address, and closes it in the end', async () => {
    const parent = await listening({ port: 0, host: '127.0.0.1' });
    const { port } = parent.address() as { port: number };
    const { child, address } = await handOver(parent);
    parent.close();
    expect(address).toEqual({ family: 'IPv4', address: '127.0.0.1', port });
    expect(JSON.parse(await answerAt(port))).toEqual(address);
    child.stdin?.end();
    expect(await once(child, 'exit')).toEqual([0, null]);
    await expect(answerAt(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('may be one of a Unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'landspout-'));
    try {
      const path = join(folder, 'a.sock');
      const parent = await listening({ path });
      const { address } = await handOver(parent);
      parent.close(); // last, since Node removes the file
      // Node does not ask the system for the name of a Unix socket.
      const isKnown = IOLoop.current().backend === 'native';
      expect(address).toEqual({ family: 'unix', path: isKnown ? path : '' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  const server = () => new TCPServer({ handleStream() {} });

  it('refuses a descriptor that is no socket', async () => {
    const fd = openSync(fileURLToPath(import.meta.url), 'r');
    const error = await server()
      .listen({ fd })
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(StreamUsageError);
    expect(error).toMatchObject({
      code: 'ERR_STREAM_USAGE',
      message: expect.stringContaining(`descriptor ${fd}`),
    });
    closeIfOpen(fd);
  });

  it('refuses a descriptor that is not open', async () => {
    await expect(server().listen({ fd: UNUSED })).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
  });

  it('refuses a connection', async () => {
    const parent = createServer().listen(0, '127.0.0.1');
    await once(parent, 'listening');
    const connection = connect((parent.address() as { port: number }).port, '127.0.0.1');
    await once(connection, 'connect');
    const child = spawn(process.execPath, ['--input-type=module', '--eval', LISTEN_ON_3], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit', descriptorOf(connection)],
    });
    children.push(child);
    expect(await text(child.stdout as NodeJS.ReadableStream)).toBe('ERR_STREAM_USAGE');
    connection.destroy();
    parent.close();
  });

  it.each([
    { fd: 3, port: 0 },
    { fd: 3, host: 'localhost' },
    { fd: 3, path: '/tmp/a.sock' },
    { fd: 3, reusePort: true },
    { fd: 3, cluster: false },
    { fd: -1 },
    { fd: 1.5 },
    { fd: [] },
    { fd: [UNUSED, UNUSED] },
    { fd: '3' as unknown as number },
  ] satisfies ListenOptions[])('refuses %j', async (options) => {
    await expect(server().listen(options)).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
  });

  it('refuses a listener of node:cluster in a process that is no child of it, or on the native backend', async () => {
    const refused = server().listen({ host: '127.0.0.1', cluster: true });
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_STREAM_USAGE',
      message: expect.stringMatching(/cluster/),
    });
  });
});

const LISTEN_ON_3 = `
import { TCPServer } from '@landspout/iostream';
const refused = new TCPServer({ handleStream() {} }).listen({ fd: 3 });
refused.then(() => 'listens', (error) => error.code).then((word) => process.stdout.write(word));
`;

/** Node does not say in its documents which one it is, but on POSIX systems it says it. */
function descriptorOf(holder: Server | Socket): number {
  return (holder as unknown as { _handle: { fd: number } })._handle.fd;
}

function closeIfOpen(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // The server has closed it.
  }
}
