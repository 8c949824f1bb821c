import { randomUUID } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';

export interface Author {
  readonly id: string;
  readonly name: string;
  /** Made by `hashPassword`. */
  readonly passwordHash: string;
}

export interface Entry {
  /** The part of the URL that names the entry. It stays the same when the title changes. */
  readonly slug: string;
  readonly title: string;
  readonly text: string;
  readonly authorId: string;
  readonly authorName: string;
  /** In milliseconds since 1970. */
  readonly publishedAt: number;
  readonly updatedAt: number;
}

/** What an author writes. */
export type Draft = Pick<Entry, 'title' | 'text'>;

/** What the file contains. */
interface Content {
  readonly authors: readonly Author[];
  readonly entries: readonly Entry[];
}

/** The authors and entries of a blog: in memory, and in a JSON file if there is one. */
export class BlogStore {
  readonly #file: string | undefined;
  readonly #authors = new Map<string, Author>();
  /** By slug, the oldest first. */
  readonly #entries = new Map<string, Entry>();
  /** The last write of the file, and the next one if it has not begun. */
  #writing: Promise<void> = Promise.resolve();
  #waiting: Promise<void> | undefined;

  private constructor(file: string | undefined, { authors, entries }: Content) {
    this.#file = file;
    for (const author of authors) this.#authors.set(author.id, author);
    for (const entry of entries) this.#entries.set(entry.slug, entry);
  }

  /** @param file - created by the first change. Without it, everything is lost when the process ends. */
  static async open(file?: string): Promise<BlogStore> {
    const empty = '{"authors":[],"entries":[]}';
    const text = file === undefined ? empty : await readFile(file, 'utf8').catch(absentAs(empty));
    return new BlogStore(file, JSON.parse(text) as Content);
  }

  author(id: string | undefined): Author | undefined {
    return id === undefined ? undefined : this.#authors.get(id);
  }

  /** Finds an author by name; the case of letters does not matter. */
  authorNamed(name: string): Author | undefined {
    const wanted = folded(name);
    for (const author of this.#authors.values()) if (folded(author.name) === wanted) return author;
    return undefined;
  }

  /** @returns undefined if the name is taken. */
  async addAuthor(name: string, passwordHash: string): Promise<Author | undefined> {
    if (this.authorNamed(name) !== undefined) return undefined;
    const author: Author = { id: randomUUID(), name, passwordHash };
    this.#authors.set(author.id, author);
    await this.#save();
    return author;
  }

  entry(slug: string): Entry | undefined {
    return this.#entries.get(slug);
  }

  /** The newest entries first. @param most - default: all. */
  entries(most = Number.POSITIVE_INFINITY): Entry[] {
    return [...this.#entries.values()].reverse().slice(0, most);
  }

  async publish({ id, name }: Author, { title, text }: Draft, nowMs = Date.now()): Promise<Entry> {
    const slug = this.#freeSlug(title);
    const times = { publishedAt: nowMs, updatedAt: nowMs };
    const entry: Entry = { slug, title, text, authorId: id, authorName: name, ...times };
    this.#entries.set(slug, entry);
    await this.#save();
    return entry;
  }

  async revise(entry: Entry, { title, text }: Draft, nowMs = Date.now()): Promise<void> {
    this.#entries.set(entry.slug, { ...entry, title, text, updatedAt: nowMs });
    await this.#save();
  }

  /** `hello-world`, or `hello-world-2` if there is such an entry. */
  #freeSlug(title: string): string {
    const words = title
      .normalize('NFKD')
      .toLowerCase()
      .match(/[a-z0-9]+/g) ?? ['entry'];
    const slug = words.join('-').slice(0, 80);
    let free = slug;
    for (let count = 2; this.#entries.has(free); count += 1) free = `${slug}-${count}`;
    return free;
  }

  /** Writes the file. Changes during a write wait for it, and are written together. */
  #save(): Promise<void> {
    if (this.#file === undefined) return Promise.resolve();
    const file = this.#file;
    this.#waiting ??= this.#writing
      .catch(() => {})
      .then(async () => {
        this.#waiting = undefined;
        const content = { authors: [...this.#authors.values()], entries: [...this.#entries.values()] };
        // Renamed when it is complete, so that a crash leaves the old file or the new one.
        await writeFile(`${file}.new`, JSON.stringify(content), { mode: 0o600 });
        await rename(`${file}.new`, file);
      });
    this.#writing = this.#waiting;
    return this.#waiting;
  }
}

function folded(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}

function absentAs(text: string): (error: NodeJS.ErrnoException) => string {
  return (error) => {
    if (error.code === 'ENOENT') return text;
    throw error;
  };
}
