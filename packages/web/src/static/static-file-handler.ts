// Handles one request for a file: chooses the file or a compressed variant, sets the headers, evaluates conditions and
// ranges, and sends the bytes. Cached data about the files is in StaticRoot.

import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { StreamFileError } from '@landspout/iostream';
import { HTTPError, WebUsageError } from '../errors.ts';
import type { RouteUse } from '../handler/lifecycle.ts';
import { type Awaitable, RequestHandler } from '../handler/request-handler.ts';
import { parseByteRanges } from '../response/byte-ranges.ts';
import { evaluatePreconditions, ifRangeApplies, representationOf } from '../response/conditional.ts';
import { type BodyPlan, planBody, sendPlanned, writePlanned } from './body-plan.ts';
import { lookUpServed, type Selected, selectVariant } from './select-variant.ts';
import type { FileEntry, StaticFile } from './static-file.ts';
import {
  folderProblem,
  initProblem,
  type StaticFileHandlerInit,
  type StaticOptions,
  staticOptions,
} from './static-options.ts';
import { fileContentType, judgeStaticPath, pathBelow, type StaticPath } from './static-path.ts';
import { currentVersion, knownVersion, loadFolder, type StaticUrlSettings, staticUrl } from './static-url.ts';

/** Cache lifetime for URLs that name a version: the file at such a URL never changes. */
const TEN_YEARS_S = 10 * 365 * 24 * 3600;

type Served = Exclude<StaticPath, { readonly kind: 'refused' }>;

/**
 * Serves the files of a folder, which must exist when the application is created. The pattern of the route has one
 * parameter, the path relative to the folder. If it has none, the option `file` must name a single file.
 *
 * Paths that lead out of the folder are always refused. By default, so are hidden files and links that lead out of the
 * folder. For a directory, see `defaultFilename`. If there is a compressed file beside the plain one and the client
 * accepts its coding, the compressed file is sent.
 *
 * The `ETag` identifies the content (see {@link StaticFile.contentHash}); without a hash, it is a weak tag made from
 * size and time. Conditional requests and If-Range are evaluated as in RFC 9110. A request may ask for one or several
 * byte ranges. A Range header is ignored for HEAD (§14.2), and if it has more than 32 ranges.
 *
 * Each request asks the file system for the file's size and time, asynchronously, so a change is noticed at once. Files
 * of up to 64 KiB are kept in memory, within the limit `cacheBytes`. Larger files are opened for each response and sent
 * by `HTTPServerExchange.writeFile`, at the pace of the client. If a file becomes shorter while it is sent, the
 * connection is reset, and a warning is logged.
 *
 * @example
 * new Application([['/static/*path', StaticFileHandler, { path: 'public' }]]);
 */
export class StaticFileHandler extends RequestHandler {
  static override routeProblem({ handlerClass, init, paramCount }: RouteUse): string | undefined {
    const { get, initialize } = handlerClass.prototype;
    const { path: folder, file } = init as StaticFileHandlerInit;
    if (get === StaticFileHandler.prototype.get && paramCount === 0 && file === undefined) {
      return 'the pattern must have a parameter for the path below the folder: end it with /*path, or name one file with the option file';
    }
    // A subclass with its own `initialize` may set the folder in another way.
    if (initialize !== StaticFileHandler.prototype.initialize) return undefined;
    return initProblem(init) ?? folderProblem(folder);
  }

  /**
   * Returns the absolute path of the file for a path in a request or in a URL that is being made. Override it to serve
   * a file under another name, such as `app.js` as `app-1f0e.js`.
   *
   * @param root - the absolute path of the folder.
   * @param path - relative to the folder, checked and decoded. It may end with a slash.
   * @returns a path below `root`. Any other path is refused (403), and so are hidden files unless they are allowed.
   */
  static getAbsolutePath(root: string, path: string): string {
    return join(root, path);
  }

  /**
   * Returns the version of a file, which becomes its `ETag` and the `?v=` of its URL. Override it to use another
   * version, such as that of a release. It may contain only characters that are allowed in an entity tag. For a
   * compressed file, the coding is appended to the tag.
   *
   * @returns the version; undefined for a weak `ETag` and a URL without a version. Default: `file.contentHash`.
   */
  static getContentVersion(file: StaticFile): string | undefined {
    return file.contentHash;
  }

  /**
   * Makes the URL of a file, with its version: `/static/css/app.css?v=1f0e…`. Browsers keep such a file for ten years;
   * if the file changes, its URL changes. In a handler, call `this.staticUrl(path)`.
   *
   * It never waits for the file system. Until the file has been looked up, the URL has no version, so browsers ask the
   * server for the file again. To prevent that, await {@link loadVersions} before the application listens. A change of
   * the file is noticed within a second.
   *
   * @param path - the path of the file relative to the folder, not escaped.
   * @throws WebUsageError `ERR_WEB_USAGE` if `path` or a setting is invalid.
   */
  static makeStaticUrl(
    settings: StaticUrlSettings,
    path: string,
    { includeVersion = true }: { readonly includeVersion?: boolean } = {},
  ): string {
    // biome-ignore lint/complexity/noThisInStatic: a subclass may have its own versions
    const version = includeVersion ? knownVersion(settings, path, this) : undefined;
    return staticUrl(settings, path, version);
  }

  /** Resolves to the current version of a file; undefined if it has none or does not exist. */
  static getVersion(settings: StaticUrlSettings, path: string): Promise<string | undefined> {
    // biome-ignore lint/complexity/noThisInStatic: a subclass may have its own versions
    return currentVersion(settings, path, this);
  }

  /**
   * Looks up all files of the folder that are not hidden, at most 10,000, so that {@link makeStaticUrl} knows their
   * versions.
   *
   * @returns the number of files. Rejects if the folder cannot be read.
   */
  static loadVersions(settings: StaticUrlSettings): Promise<number> {
    return loadFolder(settings);
  }

  #options: StaticOptions | undefined = undefined;

  override initialize(init: StaticFileHandlerInit): void {
    this.#options = staticOptions(init);
  }

  override get(): Awaitable {
    return this.#serve();
  }

  override head(): Awaitable {
    return this.#serve();
  }

  /** Computes no tag: the handler has set one, or {@link setExtraHeaders} has deliberately removed it. */
  override computeEtag(): string | undefined {
    return undefined;
  }

  // ---- for subclasses to override ----

  /** Converts the parameter of the route to a path relative to the folder. The result is checked afterwards. */
  parseUrlPath(urlPath: string): string {
    return urlPath;
  }

  /**
   * Called with the absolute path of the plain file before it or a compressed variant is served, after links were
   * followed and the rules of the handler were applied. Throw an HTTPError to refuse it, or complete the response in
   * another way.
   */
  validateAbsolutePath(_root: string, _absolutePath: string): Awaitable {}

  /** Returns the Content-Type of a file. Override it for types that cannot be derived from the name. */
  getContentType(path: string): string {
    return fileContentType(path);
  }

  /**
   * Returns for how many seconds clients may use the file without asking the server again; 0 to send no
   * `Cache-Control`. Default: ten years if the URL has a `v`, otherwise 0. Not called if the `v` is the content hash of
   * another version of the file, which can happen while a new version of a site is being installed; `Cache-Control` is
   * then `no-cache`.
   *
   * @param path - relative to the folder.
   */
  getCacheTime(_path: string, _modified: Date, _contentType: string): number {
    return this.request.query !== '' && this.request.queryArguments.has('v') ? TEN_YEARS_S : 0;
  }

  /**
   * Override it to set additional headers. Called after all other headers are set.
   *
   * @param path - relative to the folder.
   */
  setExtraHeaders(_path: string): Awaitable {}

  // ---- one request ----

  async #serve(): Promise<void> {
    const options = this.#options;
    const urlPath = this.pathArgs[0] ?? options?.file;
    if (options === undefined || urlPath === undefined) throw unusable(options);
    const asked = this.#judge(urlPath, options);
    let { segments } = asked;
    let found = await lookUpServed(segments, options);
    if (found.kind === 'directory') {
      if (options.defaultFilename === undefined) throw new HTTPError(403);
      if (asked.kind === 'file') return this.#redirectToDirectory();
      segments = [...segments, options.defaultFilename];
      found = await lookUpServed(segments, options);
      if (found.kind === 'directory') throw new HTTPError(404);
    } else if (asked.kind === 'directory') {
      throw new HTTPError(404);
    }
    const validating = this.validateAbsolutePath(options.root.path, found.file.absolutePath);
    if (validating !== undefined) await validating;
    if (this.finished) return;
    const accept = this.request.headers.get('Accept-Encoding');
    const selected = await selectVariant(segments, found, accept, options);
    await this.#respond(segments.join('/'), found.file, selected, options);
  }

  /** Checks the path alone. @throws HTTPError 403 or 404 if it must not be served, whether or not there is a file. */
  #judge(urlPath: string, options: StaticOptions): Served {
    const asked = requireAllowed(judgeStaticPath(this.parseUrlPath(urlPath), options));
    const { getAbsolutePath } = this.constructor as typeof StaticFileHandler;
    if (getAbsolutePath === StaticFileHandler.getAbsolutePath) return asked;
    const { root } = options;
    const name = asked.segments.join('/');
    const slash = asked.kind === 'directory' && name !== '' ? '/' : '';
    const absolutePath = getAbsolutePath.call(this.constructor, root.path, name + slash);
    return requireAllowed(judgeStaticPath(pathBelow(root.path, absolutePath), options));
  }

  #redirectToDirectory(): void {
    const { mountPath, path, query } = this.request;
    // A Location such as `//evil.example/` would lead to another site.
    if (!/^\/(?![/\\])/.test(path)) throw new HTTPError(403);
    const url = `${mountPath}${path}/`;
    this.redirect(query === '' ? url : `${url}?${query}`, { permanent: true });
  }

  async #respond(path: string, plain: FileEntry, selected: Selected, { root }: StaticOptions): Promise<void> {
    const { file, content } = selected;
    const tag = this.#describe(path, plain, selected);
    const setting = this.setExtraHeaders(path);
    if (setting !== undefined) await setting;
    if (this.finished) return;
    const isCompressed = this.#isCompressed(file.size);
    if (this.#clientHasIt()) {
      this.setStatus(304);
    } else if (content !== undefined) {
      // Also called for HEAD, where only the length is used.
      writePlanned(this.#plan(content.length, selected.varies), content, (piece) => this.write(piece));
    } else if (this.request.method === 'HEAD') {
      if (isCompressed) await this.flush();
      else this.setHeader('Content-Length', file.size);
    } else {
      const opened = await root.open(file);
      try {
        if (opened.file !== file) this.#redescribe(tag, file, opened.file);
        if (isCompressed) await this.#writeCompressed(opened.handle, opened.file.size);
        else await this.#send(opened.handle, opened.file.size, selected);
      } finally {
        await opened.handle.close();
      }
    }
  }

  /** Sends an open file, or ranges of it. */
  async #send(file: FileHandle, size: number, { varies }: Selected): Promise<void> {
    try {
      const plan = this.#plan(size, varies);
      this.setHeader('Content-Length', plan.contentLength);
      await this.flush();
      await sendPlanned(plan, file, this.exchange);
    } catch (error) {
      if (!(error instanceof StreamFileError)) throw error;
      // Log the error: the connection is reset, and nothing else reports that.
      this.logException(new HTTPError(500, problemOf(error), { cause: error }));
    }
  }

  /**
   * Decides whether this response is compressed: if the application compresses responses, there is no compressed file,
   * and the client asks for no range.
   */
  #isCompressed(size: number): boolean {
    const { response } = this;
    const { compression } = this.application;
    response.compress &&= size >= (compression?.minBytes ?? 0);
    response.chooseCoding(false);
    return response.contentCoding !== undefined;
  }

  /** Writes an open file at the pace of the client. @throws HTTPError 500 if it became shorter. */
  async #writeCompressed(file: FileHandle, size: number): Promise<void> {
    let at = 0;
    while (at < size) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(PIECE_BYTES), 0, PIECE_BYTES, at);
      if (bytesRead === 0) throw new HTTPError(500, 'the file was truncated while it was sent');
      at += bytesRead;
      this.write(bytesRead === PIECE_BYTES ? buffer : buffer.subarray(0, bytesRead));
      await this.flush();
    }
  }

  /** Sets the headers, and returns the tag. */
  #describe(path: string, plain: FileEntry, { file, coding, varies }: Selected): string {
    const versions = this.constructor as typeof StaticFileHandler;
    const version = versions.getContentVersion(file);
    const tag = file.tag(version, coding);
    const contentType = this.getContentType(path);
    this.setHeader('Content-Type', contentType);
    if (coding !== undefined) this.setHeader('Content-Encoding', coding);
    if (varies) this.addHeader('Vary', 'Accept-Encoding');
    this.setHeader('ETag', tag);
    this.setHeader('Last-Modified', file.lastModified);
    this.setHeader('Accept-Ranges', 'bytes');
    const plainVersion = file === plain ? version : versions.getContentVersion(plain);
    if (this.#namesOther(plainVersion)) {
      this.setHeader('Cache-Control', 'no-cache');
      return tag;
    }
    const seconds = this.getCacheTime(path, new Date(plain.modifiedMs), contentType);
    if (seconds > 0) {
      const immutable = seconds === TEN_YEARS_S ? ', immutable' : '';
      this.setHeader('Cache-Control', `public, max-age=${seconds}${immutable}`);
      this.setHeader('Expires', new Date(Date.now() + seconds * 1000));
    }
    return tag;
  }

  /**
   * Corrects the headers after the file has changed since its look-up: the `ETag` becomes a weak tag, unless a subclass
   * has set its own.
   */
  #redescribe(tag: string, old: FileEntry, file: FileEntry): void {
    const { response } = this;
    const { compress } = response;
    // The tag of a compressed body is made of the plain one.
    response.compress = false;
    response.chooseCoding(false);
    if (this.responseHeaders.get('ETag') === tag) this.setHeader('ETag', file.tag(undefined, undefined));
    response.compress = compress;
    response.chooseCoding(false);
    if (this.responseHeaders.get('Last-Modified') === old.lastModified) {
      this.setHeader('Last-Modified', file.lastModified);
    }
  }

  /**
   * Whether the `v` of the URL is the hash of other content. Caches must then not use this response without asking
   * again.
   */
  #namesOther(version: string | undefined): boolean {
    if (this.request.query === '' || version === undefined) return false;
    const asked = this.request.queryArguments.get('v')?.at(-1);
    return asked !== undefined && asked !== version && HASH.test(asked) && HASH.test(version);
  }

  /** Evaluates the preconditions, which come before the range (RFC 9110 §13.2.2). @throws HTTPError 412. */
  #clientHasIt(): boolean {
    if (!this.request.mayHavePrecondition) return false;
    const { method, headers } = this.request;
    const nowMs = Date.now();
    const current = representationOf(this.responseHeaders, nowMs);
    const result = evaluatePreconditions(method, headers, current, nowMs);
    if (result === 'failed') throw new HTTPError(412);
    return result === 'not-modified';
  }

  /** Decides which bytes are sent, and sets status and headers accordingly. @throws HTTPError 416. */
  #plan(size: number, varies: boolean): BodyPlan {
    const contentType = this.responseHeaders.get('Content-Type') ?? 'application/octet-stream';
    const field = this.request.method === 'GET' ? this.request.headers.get('Range') : undefined;
    const ranges =
      field !== undefined && this.#rangeApplies(varies) ? parseByteRanges(field, size) : undefined;
    if (ranges === 'unsatisfiable') {
      throw new HTTPError(416, undefined, { headers: { 'Content-Range': `bytes */${size}` } });
    }
    const plan = planBody(ranges, size, contentType);
    if (plan.status === 206) {
      this.setStatus(206);
      if (plan.contentRange !== undefined) this.setHeader('Content-Range', plan.contentRange);
      if (plan.contentType !== contentType) this.setHeader('Content-Type', plan.contentType);
    }
    return plan;
  }

  #rangeApplies(varies: boolean): boolean {
    const condition = this.request.headers.get('If-Range');
    if (condition === undefined) return true;
    const nowMs = Date.now();
    const { etag, lastModifiedMs } = representationOf(this.responseHeaders, nowMs);
    // A variant in another coding may have the same date, and bytes of different variants must not be mixed.
    const current = { etag, lastModifiedMs: varies ? undefined : lastModifiedMs };
    return ifRangeApplies(condition, current, nowMs);
  }
}

/** How much of a file is compressed at a time. */
const PIECE_BYTES = 64 * 1024;

/** Matches a content hash. */
const HASH = /^[0-9a-f]{32}$/;

function requireAllowed(judged: StaticPath): Served {
  if (judged.kind === 'refused') throw new HTTPError(judged.status);
  return judged;
}

function problemOf({ code }: StreamFileError): string {
  return code === 'ERR_STREAM_FILE_CHANGED'
    ? 'the file was truncated while it was sent'
    : 'the file could not be read to its end';
}

function unusable(options: StaticOptions | undefined): WebUsageError {
  const problem =
    options === undefined
      ? 'initialize must call super.initialize with the options of the handler'
      : 'the pattern of the route must have a parameter, or the option file must be given';
  return new WebUsageError('ERR_WEB_USAGE', `StaticFileHandler: ${problem}`);
}
