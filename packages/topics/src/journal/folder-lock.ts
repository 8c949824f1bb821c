import { Buffer } from 'node:buffer';
import { readdir, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { isTaskChild } from '@landspout/ioloop/processes';
import { JournalError } from './journal-error.ts';
import { ignoring, type JournalFolder } from './journal-folder.ts';

// Node has no flock. The owner of a folder listens on a Unix socket in it, and the kernel refuses connections to the
// socket of a process that is gone. Numbers make taking over safe: a socket is never replaced, the next one is bound.

const SOCKET = /^lock-(\d{1,15})\.sock$/;
/** The address of a Unix socket has room for 108 bytes on Linux, 104 on other systems. */
const MAX_PATH_BYTES = 100;
/** A socket refuses connections between bind and listen too, so a refusal is confirmed. */
const REFUSALS = 4;
/** Processes that begin at once give way to each other; each attempt ends one of them. */
const ATTEMPTS = 20;
const PAUSE_MS = 25;

/** Keeps other processes, and this one, from opening a folder twice. A process that is gone keeps nothing. */
export class FolderLock {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws JournalError `ERR_TOPICS_JOURNAL_IN_USE`. */
  static async acquire(folder: JournalFolder): Promise<FolderLock> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const numbers = await socketsOf(folder);
      const highest = numbers.at(-1) ?? 0;
      if (highest > 0 && (await isAlive(folder, highest))) throw inUse(folder);
      const server = await bind(folder, highest + 1);
      if (server === undefined) continue;
      if (await isOwner(folder, highest + 1)) return new FolderLock(server);
      await close(server);
      await pause();
    }
    throw inUse(folder);
  }

  async release(): Promise<void> {
    // This removes the socket before it closes it, so that no other process can have bound the name.
    await close(this.#server);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ path: this.#server.address() }));
  }
}

/**
 * Whether the socket that this process has bound makes it the owner. Of two processes that have bound one each, at least
 * one sees the other: the one with the lower number gives way, and the other one waits for that.
 */
async function isOwner(folder: JournalFolder, own: number): Promise<boolean> {
  const numbers = await socketsOf(folder);
  if (!numbers.includes(own)) return false;
  for (const number of numbers.filter((other) => other > own)) {
    if (await isAlive(folder, number)) return false;
  }
  for (const number of numbers.filter((other) => other < own)) {
    for (let attempt = 0; await isAlive(folder, number); attempt += 1) {
      if (attempt === ATTEMPTS) return false;
      await pause();
    }
    await unlink(join(folder.path, socketName(number))).catch(ignoring('ENOENT'));
  }
  return true;
}

/** The numbers of all sockets, in order. */
async function socketsOf(folder: JournalFolder): Promise<number[]> {
  const names = await readdir(folder.path);
  const numbers = names.map((name) => Number(SOCKET.exec(name)?.[1] ?? 0));
  return numbers.filter((number) => number > 0).sort((a, b) => a - b);
}

/** Whether a process listens on a socket. */
async function isAlive(folder: JournalFolder, number: number): Promise<boolean> {
  for (let refusals = 0; refusals < REFUSALS; refusals += 1) {
    const code = await connectTo(addressOf(folder, number));
    if (code === 'ENOENT') return false;
    // A full backlog (EAGAIN), or a socket that this user may not connect to, is of a process that lives.
    if (code !== 'ECONNREFUSED') return true;
    await pause();
  }
  return false;
}

/** @returns the code of the error; undefined if a process has accepted. */
function connectTo(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
  });
}

/** @returns undefined if another process has taken the name. */
function bind(folder: JournalFolder, number: number): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    // Exclusive: a worker of node:cluster would otherwise listen through its parent.
    server.listen({ path: addressOf(folder, number), exclusive: true }, () => {
      server.unref();
      // Accepting may fail, for example without descriptors. The kernel has completed the connection all the same.
      server.on('error', () => {});
      resolve(server);
    });
  });
}

function addressOf(folder: JournalFolder, number: number): string {
  const path = join(folder.path, socketName(number));
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return path;
  if (process.platform === 'linux') return `/proc/self/fd/${folder.descriptor}/${socketName(number)}`;
  throw new JournalError(
    'ERR_TOPICS_JOURNAL_OPEN',
    `the path of the journal must leave room for a Unix socket on this system: at most ${MAX_PATH_BYTES} bytes were expected, not ${path}; choose a shorter path`,
  );
}

function socketName(number: number): string {
  return `lock-${number}.sock`;
}

function inUse(folder: JournalFolder): JournalError {
  return new JournalError(
    'ERR_TOPICS_JOURNAL_IN_USE',
    `the journal ${folder.path} is open already, in this process or another one; ${remedy()}`,
    { file: folder.path },
  );
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

/** A timer of the system: the other process does not go by the clock of a test. */
function pause(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, PAUSE_MS + Math.random() * PAUSE_MS);
  });
}

function remedy(): string {
  return isTaskChild()
    ? 'among the children of one server, use ProcessesBackplane.open({ journal: { folder } }), which opens it in the parent'
    : 'close it there first';
}
