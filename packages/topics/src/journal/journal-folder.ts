import {
  copyFile,
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  rename,
  stat,
  unlink,
} from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';

/** Only the owner of the process may read a journal. */
const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;

const SEGMENT = /^(\d{8,15})\.segment$/;
const BASE = /^(\d{8,15})\.base-(\d{4,6})$/;
const UNFINISHED = /^\d{8,15}\.base-\d{4,6}\.tmp$/;

/** One file of a journal. */
export interface JournalFile {
  readonly name: string;
  readonly number: number;
  readonly part: number;
  readonly bytes: number;
}

/**
 * The files of a journal.
 *
 * `00000007.base-0000` and the parts after it contain everything that was alive when they were written, and replace all
 * files with smaller numbers; part 0 gets its name last. `00000008.segment` and those after it contain what was appended
 * since.
 */
export interface JournalFiles {
  /** The parts of the newest base, in order; none if there is no base. */
  readonly base: readonly JournalFile[];
  readonly segments: readonly JournalFile[];
  /** What the base replaces, and what was not finished. */
  readonly obsolete: readonly string[];
}

/** The folder of a journal. */
export class JournalFolder {
  readonly path: string;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /** Opens a folder, which is made if there is none. */
  static async open(name: string): Promise<JournalFolder> {
    // The process may change its working directory.
    const path = resolve(name);
    await mkdir(path, { recursive: true, mode: FOLDER_MODE });
    return new JournalFolder(path, await open(path, 'r'));
  }

  get descriptor(): number {
    return this.#handle.fd;
  }

  pathOf(name: string): string {
    return join(this.path, name);
  }

  async list(): Promise<JournalFiles> {
    const base: JournalFile[] = [];
    const segments: JournalFile[] = [];
    const obsolete: string[] = [];
    for (const name of await readdir(this.path)) {
      const [segment, part] = [SEGMENT.exec(name), BASE.exec(name)];
      if (UNFINISHED.test(name)) obsolete.push(name);
      if (segment === null && part === null) continue;
      const { size: bytes } = await stat(this.pathOf(name));
      if (segment !== null) segments.push({ name, number: Number(segment[1]), part: 0, bytes });
      if (part !== null) base.push({ name, number: Number(part[1]), part: Number(part[2]), bytes });
    }
    // A base whose part 0 has no name yet was not finished.
    const newest = Math.max(0, ...base.filter(({ part }) => part === 0).map(({ number }) => number));
    const inOrder = (a: JournalFile, b: JournalFile) => a.number - b.number || a.part - b.part;
    const isCurrent = ({ number }: JournalFile) => number === newest;
    const isLater = ({ number }: JournalFile) => number > newest;
    const old = [...base.filter((file) => !isCurrent(file)), ...segments.filter((file) => !isLater(file))];
    return {
      base: base.filter(isCurrent).sort(inOrder),
      segments: segments.filter(isLater).sort(inOrder),
      obsolete: [...obsolete, ...old.map(({ name }) => name)],
    };
  }

  /** Makes new names and removals durable. */
  async sync(): Promise<void> {
    // Not every network file system can do that with a folder.
    await this.#handle.sync().catch(ignoring('EINVAL'));
  }

  async remove(name: string): Promise<void> {
    await unlink(this.pathOf(name)).catch(ignoring('ENOENT'));
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(this.pathOf(from), this.pathOf(to));
  }

  /** Keeps a file under another name. It may be kept already. @returns the name. */
  async keepAside(name: string): Promise<string> {
    const aside = `damaged-${name}`;
    try {
      await link(this.pathOf(name), this.pathOf(aside));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return aside;
      // Not every file system has links.
      await copyFile(this.pathOf(name), this.pathOf(aside));
    }
    return aside;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  [INSPECT](): object {
    return inspection(this, ['path']);
  }
}

export function segmentName(number: number): string {
  return `${digits(number, 8)}.segment`;
}

export function baseName(number: number, part: number): string {
  return `${digits(number, 8)}.base-${digits(part, 4)}`;
}

/** Handles a rejection with this code. */
export function ignoring(code: string): (error: unknown) => void {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code !== code) throw error;
  };
}

function digits(number: number, length: number): string {
  return String(number).padStart(length, '0');
}
