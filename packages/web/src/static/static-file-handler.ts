// Serves the files below one folder, and decides which are refused. Does not cache or compress.

import { statSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { type OptionNames, optionsProblem, shownValue } from '@landspout/ioloop/errors';
import { lookup } from 'mrmime';
import { HTTPError, WebUsageError } from '../errors.ts';
import type { RouteUse } from '../handler/lifecycle.ts';
import { type Awaitable, RequestHandler } from '../handler/request-handler.ts';
import {
  evaluatePreconditions,
  ifRangeApplies,
  parseByteRange,
  representationOf,
} from '../response/conditional.ts';
import { openStaticFile, type StaticFile } from './static-file.ts';
import { judgeStaticPath, type StaticPath } from './static-path.ts';

export interface StaticFileHandlerInit {
  /** The folder whose files are served. */
  readonly path: string;
  /** The file that is served for a directory, such as `index.html`. Default: a directory results in a 403. */
  readonly defaultFilename?: string;
  /** Whether files and folders whose names start with a dot are served. Default: false. */
  readonly dotfiles?: boolean;
  /** Whether symbolic links may lead out of the folder, or to names that start with a dot. Default: false. */
  readonly followSymlinks?: boolean;
}

const INIT: OptionNames<StaticFileHandlerInit> = {
  path: true,
  defaultFilename: true,
  dotfiles: true,
  followSymlinks: true,
};

/** How many bytes are read, and queued for the client, at a time. */
const BLOCK_BYTES = 64 * 1024;
/** Cache lifetime for URLs that name a version: the file at such a URL never changes. */
const TEN_YEARS_S = 10 * 365 * 24 * 3600;

/**
 * Serves the files of a folder. The route's pattern must have one parameter, the path below the folder. The folder must
 * exist when the application is created.
 *
 * Nothing outside the folder is served. By default, hidden files and links that lead out of it are not served either. A
 * file is read in blocks, as fast as the client reads. `ETag` is a weak tag made from size and modification time, which
 * are read at each request. One range of bytes is supported; it is ignored for HEAD (RFC 9110 §14.2).
 *
 * @example
 * new Application([['/static/*path', StaticFileHandler, { path: 'public' }]]);
 */
export class StaticFileHandler extends RequestHandler {
  static override routeProblem({ handlerClass, init, paramCount }: RouteUse): string | undefined {
    const { get, initialize } = handlerClass.prototype;
    if (get === StaticFileHandler.prototype.get && paramCount === 0) {
      return 'the pattern must have a parameter for the path below the folder: end it with /*path';
    }
    // A subclass with its own `initialize` may get its folder from elsewhere.
    if (initialize !== StaticFileHandler.prototype.initialize) return undefined;
    return optionsProblem(init, INIT) ?? folderProblem((init as Partial<StaticFileHandlerInit>).path);
  }

  #options: StaticFileHandlerInit = { path: '' };

  override initialize(init: StaticFileHandlerInit): void {
    if (typeof init.path !== 'string' || init.path === '') {
      throw new WebUsageError('ERR_WEB_USAGE', `StaticFileHandler: ${noFolder(init.path)}`);
    }
    this.#options = init;
  }

  override async get(): Promise<void> {
    const [urlPath] = this.pathArgs;
    if (urlPath === undefined)
      throw new WebUsageError(
        'ERR_WEB_USAGE',
        'StaticFileHandler: the pattern of the route must have a parameter',
      );
    const { dotfiles = false } = this.#options;
    const asked = judgeStaticPath(urlPath, { dotfiles, windows: process.platform === 'win32' });
    if (asked.kind === 'refused') throw new HTTPError(asked.status);
    const file = await this.#open(asked);
    if (file === undefined) return;
    try {
      await this.#answer(file, this.#nameOf(asked));
    } finally {
      await file.handle.close();
    }
  }

  override head(): Promise<void> {
    return this.get();
  }

  /** Returns the Content-Type of a file. Override it for types that cannot be derived from the name. */
  getContentType(name: string): string {
    return fileContentType(name);
  }

  /** Override it to set additional headers, after all others. */
  setExtraHeaders(_name: string): Awaitable {}

  /** Opens the requested file; undefined if the response was a redirect. */
  async #open(asked: Exclude<StaticPath, { kind: 'refused' }>): Promise<StaticFile | undefined> {
    const { path: root, defaultFilename, dotfiles = false, followSymlinks = false } = this.#options;
    const rules = { dotfiles, followSymlinks };
    const found = await openStaticFile(root, asked.segments, rules);
    if (found !== 'directory') {
      if (asked.kind === 'file') return found;
      await found.handle.close();
      throw new HTTPError(404);
    }
    if (defaultFilename === undefined) throw new HTTPError(403);
    if (asked.kind === 'file') {
      this.#redirectToDirectory();
      return undefined;
    }
    const file = await openStaticFile(root, [...asked.segments, defaultFilename], rules);
    if (file === 'directory') throw new HTTPError(404);
    return file;
  }

  #redirectToDirectory(): void {
    const { path, query } = this.request;
    // A Location such as `//evil.example/` would lead to another site.
    if (!/^\/(?![/\\])/.test(path)) throw new HTTPError(403);
    this.redirect(query === '' ? `${path}/` : `${path}/?${query}`, { permanent: true });
  }

  #nameOf(asked: Exclude<StaticPath, { kind: 'refused' }>): string {
    return (asked.kind === 'file' ? asked.segments.at(-1) : this.#options.defaultFilename) ?? '';
  }

  async #answer(file: StaticFile, name: string): Promise<void> {
    this.setHeader('Content-Type', this.getContentType(name));
    this.setHeader('ETag', file.etag);
    this.setHeader('Last-Modified', new Date(file.modifiedMs));
    this.setHeader('Accept-Ranges', 'bytes');
    if (this.request.queryArguments.has('v')) {
      this.setHeader('Cache-Control', `public, max-age=${TEN_YEARS_S}, immutable`);
    }
    await this.setExtraHeaders(name);
    if (this.#clientHasIt()) {
      this.setStatus(304);
      return;
    }
    const { start, end } = this.#rangeOf(file);
    this.setHeader('Content-Length', end - start);
    if (this.request.method === 'HEAD') return;
    await this.#send(file, start, end);
  }

  /** Evaluates the preconditions, which come before the range (RFC 9110 §13.2.2). @throws HTTPError 412. */
  #clientHasIt(): boolean {
    const { method, headers } = this.request;
    const nowMs = Date.now();
    const result = evaluatePreconditions(
      method,
      headers,
      representationOf(this.responseHeaders, nowMs),
      nowMs,
    );
    if (result === 'failed') throw new HTTPError(412);
    return result === 'not-modified';
  }

  /** Returns which bytes to send. If that is only a part of the file, also sets status and headers. */
  #rangeOf(file: StaticFile): { readonly start: number; readonly end: number } {
    const { size } = file;
    const whole = { start: 0, end: size };
    const field = this.request.headers.get('Range');
    if (this.request.method !== 'GET' || field === undefined || !this.#rangeApplies()) return whole;
    const range = parseByteRange(field, size);
    if (range === undefined) return whole;
    if (range === 'unsatisfiable') {
      throw new HTTPError(416, undefined, { headers: { 'Content-Range': `bytes */${size}` } });
    }
    this.setStatus(206);
    this.setHeader('Content-Range', `bytes ${range.start}-${range.end - 1}/${size}`);
    return range;
  }

  /** Our tag is weak, so only a date can match, or a strong tag set by {@link setExtraHeaders}. */
  #rangeApplies(): boolean {
    const condition = this.request.headers.get('If-Range');
    if (condition === undefined) return true;
    const nowMs = Date.now();
    return ifRangeApplies(condition, representationOf(this.responseHeaders, nowMs), nowMs);
  }

  async #send(file: StaticFile, start: number, end: number): Promise<void> {
    for (let position = start; position < end; ) {
      // A new buffer for each block: the response uses it until it is sent.
      const block = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, end - position));
      const { bytesRead } = await file.handle.read(block, 0, block.length, position);
      if (bytesRead === 0) throw new HTTPError(500, 'the file was truncated while it was sent');
      this.write(block.subarray(0, bytesRead));
      position += bytesRead;
      if (position < end) await this.flush();
    }
  }
}

/**
 * The Content-Type of a file, by the extension of its name. Text is declared as UTF-8. Unknown types, and compressed
 * files without a type of their own, are `application/octet-stream`.
 */
function fileContentType(name: string): string {
  const extension = extname(name);
  const type = extension === '' ? undefined : lookup(extension);
  if (type === undefined) return 'application/octet-stream';
  return type.startsWith('text/') ? `${type}; charset=UTF-8` : type;
}

function noFolder(path: unknown): string {
  return `path must be the folder of the files, as in { path: 'public' }, got ${shownValue(path)}`;
}

function folderProblem(path: unknown): string | undefined {
  if (typeof path !== 'string' || path === '') return noFolder(path);
  const folder = resolve(path);
  const shown = JSON.stringify(folder);
  try {
    return statSync(folder).isDirectory() ? undefined : `path must be a folder, but ${shown} is a file`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') return `the folder ${shown} cannot be read (${code})`;
    const remedy =
      '; a relative path starts at the working directory: use path.join(import.meta.dirname, …) to start at the module';
    return `the folder ${shown} does not exist${folder === path ? '' : remedy}`;
  }
}
