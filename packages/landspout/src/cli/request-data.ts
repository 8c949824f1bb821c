import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { RequestOptions } from '@landspout/httpclient';
import type { DataSource } from './fetch-arguments.ts';

/** The options of a request that hold its body. */
type BodyOptions = Pick<RequestOptions, 'body' | 'bodyProducer'>;

/** The body of a request, and its length if the client cannot know it. */
export interface RequestData {
  readonly options: BodyOptions;
  readonly bodyBytes: number | undefined;
}

/**
 * Prepares the body of a request. A file is read while it is sent, and again if the request is sent again; a pipe and
 * standard input can be sent only once.
 *
 * @throws Error if the file cannot be read.
 */
export async function requestData(source: DataSource): Promise<RequestData> {
  switch (source.kind) {
    case 'text':
      return { options: { body: source.text }, bodyBytes: undefined };
    case 'stdin':
      return { options: { body: process.stdin }, bodyBytes: undefined };
    case 'file':
      return await fileData(source.path);
  }
}

async function fileData(path: string): Promise<RequestData> {
  const file = await stat(path).catch((cause: Error) => {
    throw new Error(`the file of the body cannot be read: ${cause.message}`, { cause });
  });
  if (!file.isFile()) return { options: { body: chunksOf(path) }, bodyBytes: undefined };
  if (file.size === 0) return { options: { body: '' }, bodyBytes: undefined };
  return {
    options: {
      async bodyProducer(write) {
        // No more than was announced, if the file grows meanwhile.
        for await (const chunk of createReadStream(path, { end: file.size - 1 })) await write(chunk);
      },
    },
    bodyBytes: file.size,
  };
}

/** Opens the file only when the body is sent. */
async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path);
}
