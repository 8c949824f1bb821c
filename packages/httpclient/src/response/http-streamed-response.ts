import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { HTTPHeaders, ResponseHead } from '@landspout/http1';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspectedText, inspectedUrl, inspection } from '@landspout/ioloop/inspection';
import type { HTTPRedirect, HTTPRequest } from '../request/http-request.ts';
import { clientChecks, HTTPClientUsageError } from '../request/usage.ts';
import { type HTTPTimings, parseJson, type ResponseFacts, textOf } from './http-response.ts';
import type { ResponseBody } from './response-body.ts';

/** How much of a body has been saved. */
export interface SaveProgress {
  readonly receivedBytes: number;
  /** From Content-Length; undefined if the length is unknown, for example because the body is compressed. */
  readonly totalBytes: number | undefined;
}

export interface SaveOptions {
  /** Called after each chunk was written. If it throws, saving is stopped and rejects with that error. */
  readonly onProgress?: (progress: SaveProgress) => void;
  /**
   * Whether an existing file may be replaced. If false, the name is taken by an empty file from the start. Default:
   * true.
   */
  readonly overwrite?: boolean;
}

const SAVE_OPTIONS: OptionNames<SaveOptions> = { onProgress: true, overwrite: true };

/**
 * A response whose body is read while it arrives. It must be read to its end or closed: until then, it uses a
 * connection. The body can be read once: reading it again, or after {@link close}, throws. If it is neither, the connection is closed after the `requestTimeoutMs` of the request, and reading
 * fails.
 *
 * If the reader is slow, the server is not read: little more than 64 KiB is buffered.
 *
 * @example
 * await using response = await client.stream('https://example.com/large');
 * for await (const chunk of response) process.stdout.write(chunk);
 */
export class HTTPStreamedResponse implements AsyncIterable<Uint8Array> {
  /** The request as passed to `stream`, also after redirects. */
  readonly request: HTTPRequest;
  /** The URL of the response, without user information and fragment. */
  readonly effectiveUrl: string;
  readonly status: number;
  readonly reason: string;
  readonly redirects: readonly HTTPRedirect[];
  readonly #head: ResponseHead;
  readonly #body: ResponseBody;
  readonly #timings: () => HTTPTimings;
  /** The rest of the body belongs to a method that reads all of it, or was discarded. */
  #isTaken = false;

  /** @internal */
  constructor(facts: ResponseFacts, body: ResponseBody, timings: () => HTTPTimings) {
    this.request = facts.request;
    this.effectiveUrl = facts.effectiveUrl;
    this.status = facts.head.status;
    this.reason = facts.head.reason;
    this.redirects = facts.redirects;
    this.#head = facts.head;
    this.#body = body;
    this.#timings = timings;
  }

  /** @internal The body, for a reader that is not one of the methods below. */
  get source(): ResponseBody {
    return this.#body;
  }

  /** The header fields. After decompression they still have the Content-Encoding and Content-Length of the message. */
  get headers(): HTTPHeaders {
    return this.#head.headers;
  }

  /** Whether the status is 2xx. */
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** The durations so far; final after the body has ended. */
  get timings(): HTTPTimings {
    return this.#timings();
  }

  /**
   * Iterates over the body as it arrives, decompressed unless that was switched off. The chunks are owned by the
   * caller. Leaving the loop early closes the connection.
   *
   * @throws HTTPClientError if the body does not arrive completely; the reason of `signal`.
   */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    this.#take('iteration');
    return this.#chunks();
  }

  async *#chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    const body = this.#body;
    try {
      for (let chunk = await body.next(); chunk !== undefined; chunk = await body.next()) yield chunk;
    } finally {
      body.cancel();
    }
  }

  /**
   * Waits for the next chunk, which the caller owns; undefined after the last. One call may be pending at a time.
   *
   * @throws as the iteration.
   */
  read(): Promise<Uint8Array | undefined> {
    return this.#body.next();
  }

  /** Reads the rest of the body. @throws as the iteration. */
  async bytes(): Promise<Uint8Array> {
    this.#take('bytes');
    return await this.#body.bytes();
  }

  /** Reads the rest of the body as text, in the charset of `Content-Type` if it is supported, otherwise as UTF-8. */
  async text(): Promise<string> {
    this.#take('text');
    return textOf(await this.#body.bytes(), this.headers);
  }

  /** Reads the rest of the body as JSON. @throws SyntaxError, or as the iteration. */
  async json(): Promise<unknown> {
    this.#take('json');
    return parseJson(await this.#body.bytes());
  }

  /**
   * Saves the rest of the body to a file. Until it is complete, the bytes are in a file next to it, which is then
   * renamed, or removed if saving fails.
   *
   * @returns the number of bytes.
   * @throws as the iteration, or the error of the file system. The response is closed then.
   */
  async saveTo(file: string | URL, options: SaveOptions = {}): Promise<number> {
    clientChecks.options('saveTo', options, SAVE_OPTIONS);
    const path = typeof file === 'string' ? file : fileURLToPath(file);
    this.#take('saveTo');
    const { onProgress, overwrite = true } = options;
    const partial = `${path}.${randomBytes(6).toString('hex')}.part`;
    const totalBytes = this.#totalBytes();
    let receivedBytes = 0;
    let isHeld = false;
    try {
      // With `wx`, a file that must not be replaced is held from the start.
      if (!overwrite) {
        const held = await open(path, 'wx');
        isHeld = true;
        await held.close();
      }
      const handle = await open(partial, 'wx');
      try {
        for await (const chunk of this.#chunks()) {
          for (let at = 0; at < chunk.length; ) at += (await handle.write(chunk, at)).bytesWritten;
          receivedBytes += chunk.length;
          onProgress?.({ receivedBytes, totalBytes });
        }
      } finally {
        await handle.close();
      }
      await rename(partial, path);
    } catch (error) {
      this.close();
      await rm(partial, { force: true });
      // Only the empty file from above: any other file with this name is not ours.
      if (isHeld) await rm(path, { force: true });
      throw error;
    }
    return receivedBytes;
  }

  /** Discards the rest of the body. The connection is closed, unless the body has arrived completely. */
  close(): void {
    this.#isTaken = true;
    this.#body.cancel();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  [INSPECT](): object {
    return inspection(this, ['status'], () => ({
      reason: inspectedText(this.reason),
      effectiveUrl: inspectedUrl(this.effectiveUrl),
      headers: this.headers,
      body: this.#body,
      redirects: this.redirects.length,
    }));
  }

  /** @throws HTTPClientUsageError if the body was read before, so that it would look empty. */
  #take(operation: string): void {
    if (this.#isTaken) {
      const message = `${operation}: the body of the response was already read, or the response was closed`;
      throw new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', message);
    }
    this.#isTaken = true;
  }

  #totalBytes(): number | undefined {
    const { headers } = this;
    const length = headers.get('Content-Length');
    if (length === undefined || headers.has('Content-Encoding')) return undefined;
    return Number(length);
  }
}
