import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { IOLoop, SystemError } from '@landspout/ioloop';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bindUnixSocket, type IOStream, TCPClient, TCPServer } from '../../src/index.ts';
import type { ListeningSocket } from '../../src/transports/index.ts';
import { openDescriptors, untilDescriptorsAre } from '../support/until.ts';

const client = new TCPClient();

describe('bindUnixSocket', () => {
  let folder: string;
  const opened: ListeningSocket[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ls-'));
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const socket of opened.splice(0)) await socket.close();
    rmSync(folder, { recursive: true });
  });

  async function bind(path: string, mode?: number): Promise<ListeningSocket> {
    const socket = await bindUnixSocket(path, mode === undefined ? {} : { mode });
    opened.push(socket);
    return socket;
  }

  /** A server on `path` answers with `word`. */
  async function serve(path: string, word: string): Promise<void> {
    const server = new TCPServer({
      async handleStream(stream) {
        await stream.write(word);
        stream.close();
      },
    });
    await server.addSockets([await bind(path)]);
  }

  async function answerAt(path: string): Promise<string> {
    await using stream = await client.connect({ path });
    return (await stream.readUntilClose()).toString();
  }

  it('leaves nothing in the folder but the socket, and at the close nothing at all [NET-02]', async () => {
    const path = join(folder, 'a.sock');
    const before = openDescriptors();
    await serve(path, 'one');
    expect(await answerAt(path)).toBe('one');
    expect(readdirSync(folder)).toEqual(['a.sock']);
    await opened[0]?.close();
    expect(readdirSync(folder)).toEqual([]);
    await untilDescriptorsAre(before);
  });

  it.each([0o600, 0o660, 0o777, 0o000])(
    'gives the socket mode %o, whatever the umask [NET-02]',
    async (mode) => {
      const path = join(folder, 'a.sock');
      const umask = process.umask(0o027);
      try {
        await bind(path, mode);
      } finally {
        process.umask(umask);
      }
      expect(statSync(path).mode & 0o777).toBe(mode);
    },
  );

  it('has the mode in force before anybody can connect [NET-02]', async () => {
    const path = join(folder, 'a.sock');
    const { reactor } = IOLoop.current();
    /** At the moment when connecting becomes possible: of the socket itself, or of the folder that hides it. */
    const modes: number[] = [];
    if (reactor === undefined) {
      const { listen } = Server.prototype;
      vi.spyOn(Server.prototype, 'listen').mockImplementation(function (this: Server, ...args: unknown[]) {
        const hidden = (args[0] as { path: string }).path;
        expect(dirname(hidden)).not.toBe(folder);
        modes.push(statSync(dirname(hidden)).mode & 0o077);
        return Reflect.apply(listen, this, args);
      } as typeof listen);
    } else {
      const { binding } = reactor;
      const { listen } = binding;
      vi.spyOn(binding, 'listen').mockImplementation((...args) => {
        modes.push(statSync(path).mode & 0o077);
        return listen.apply(binding, args);
      });
    }
    const umask = process.umask(0);
    try {
      await bind(path);
    } finally {
      process.umask(umask);
    }
    expect(modes).toEqual([0]);
  });

  it('does not touch what is no socket, nor the end of a symbolic link [NET-02]', async () => {
    const file = join(folder, 'file');
    const link = join(folder, 'link');
    const dangling = join(folder, 'dangling');
    const inside = join(folder, 'inside');
    writeFileSync(file, 'precious');
    symlinkSync(file, link);
    symlinkSync(join(folder, 'nowhere'), dangling);
    mkdirSync(inside);
    const before = readdirSync(folder);
    for (const path of [file, link, dangling, inside]) {
      const error = await bindUnixSocket(path).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(SystemError);
      expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', address: path });
    }
    expect(readdirSync(folder)).toEqual(before);
    expect(statSync(file).size).toBe(8);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });

  it('does not take the place of a server that is too busy to answer [NET-02]', async () => {
    const path = join(folder, 'a.sock');
    const busy = await bindUnixSocket(path, { backlog: 1 });
    opened.push(busy);
    // Nobody accepts: Linux says EAGAIN once its queue is full. Node accepts by itself, and hangs up.
    const streams: IOStream[] = [];
    for (let i = 0; i < 5; i += 1) {
      const stream = await client.connect({ path }).catch(() => undefined);
      if (stream !== undefined) streams.push(stream);
    }
    await expect(bindUnixSocket(path)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(existsSync(path)).toBe(true);
    for (const stream of streams) stream.close();
  });

  it('leaves a successor alone when it closes [NET-02]', async () => {
    const path = join(folder, 'a.sock');
    const first = await bind(path);
    // The way in which a new version of a server takes over: its socket is renamed onto the old one's.
    await serve(join(folder, 'b.sock'), 'successor');
    renameSync(join(folder, 'b.sock'), path);
    await first.close();
    expect(await answerAt(path)).toBe('successor');
    const [, second] = opened;
    await second?.close();
    // Its own name went with the renaming: what it cannot know to be its own, it does not remove.
    expect(existsSync(path)).toBe(true);
  });

  it('removes its file at the close though somebody gave it a second name [NET-02]', async () => {
    const path = join(folder, 'a.sock');
    const socket = await bind(path);
    linkSync(path, join(folder, 'second'));
    await socket.close();
    expect(readdirSync(folder)).toEqual(['second']);
    // Nobody answers there any more, so it is stale.
    await serve(join(folder, 'second'), 'again');
    expect(await answerAt(join(folder, 'second'))).toBe('again');
  });

  it('serves a path in the working folder, and removes it from there [NET-02]', async () => {
    const cwd = process.cwd();
    process.chdir(folder);
    try {
      const socket = await bind('a.sock');
      process.chdir(cwd);
      await socket.close();
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      process.chdir(cwd);
    }
  });

  it('says that the folder is missing [NET-02]', async () => {
    const path = join(folder, 'missing', 'a.sock');
    await expect(bindUnixSocket(path)).rejects.toMatchObject({
      code: 'ENOENT',
      syscall: 'bind',
      address: path,
    });
  });

  it('takes a path of as many bytes as the system does, and refuses longer ones [NET-02]', async () => {
    const most = process.platform === 'linux' ? 107 : 103;
    const longest = join(folder, 'x'.repeat(most - folder.length - 1));
    await serve(longest, 'long');
    expect(await answerAt(longest)).toBe('long');
    const error = await bindUnixSocket(`${longest}x`).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SystemError);
    expect(error).toMatchObject({ code: 'ENAMETOOLONG', syscall: 'bind', address: `${longest}x` });
    // Bytes count, not characters.
    const wide = join(folder, 'ü'.repeat(most - folder.length - 2));
    await expect(bindUnixSocket(wide)).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it.each(['', '\0', 'a\0b', undefined as unknown as string])(
    'refuses the path %j [NET-02]',
    async (path) => {
      await expect(bindUnixSocket(path)).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
    },
  );

  it.each([-1, 0o1000, 0.5])('refuses the mode %d [NET-02]', async (mode) => {
    const path = join(folder, 'a.sock');
    await expect(bindUnixSocket(path, { mode })).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('listens on an abstract name, which one server has at a time and no file stands for [NET-02]', async () => {
    const path = `\0landspout-${process.pid}-${Date.now()}`;
    await serve(path, 'abstract');
    expect(await answerAt(path)).toBe('abstract');
    await expect(bindUnixSocket(path)).rejects.toMatchObject({
      code: 'EADDRINUSE',
      address: path.replace('\0', '@'),
    });
    await opened[0]?.close();
    await expect(client.connect({ path })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
