import { open, realpath, stat } from 'node:fs/promises';
import { HTTPClientError, type HTTPStreamedResponse, type SaveProgress } from '@landspout/httpclient';
import { OutputClosed, writeOutput } from './standard-output.ts';

/** Prints the rest of a body to standard output. @throws OutputClosed; the error of the response or of the system. */
export async function printBody(response: HTTPStreamedResponse): Promise<void> {
  try {
    for await (const chunk of response) await writeOutput(chunk);
  } catch (error) {
    throw error instanceof OutputClosed ? error : writingFailed(response, 'printed', error);
  }
}

/**
 * Saves the rest of a body to a file, which appears when it is complete; if it exists, it is replaced then, also through
 * a symbolic link. A device or a FIFO, such as /dev/null, is written to instead of being replaced.
 *
 * @throws the error of the response or of the file system.
 */
export async function saveBody(
  response: HTTPStreamedResponse,
  path: string,
  onProgress: ((progress: SaveProgress) => void) | undefined,
): Promise<void> {
  try {
    await save(response, path, onProgress);
  } catch (error) {
    throw writingFailed(response, 'saved', error);
  }
}

async function save(
  response: HTTPStreamedResponse,
  path: string,
  onProgress: ((progress: SaveProgress) => void) | undefined,
): Promise<void> {
  const existing = await stat(path).catch(() => undefined);
  if (existing === undefined || existing.isFile()) {
    const target = existing === undefined ? path : await realpath(path);
    await response.saveTo(target, onProgress === undefined ? {} : { onProgress });
    return;
  }
  const file = await open(path, 'w');
  try {
    for await (const chunk of response) {
      for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
    }
  } finally {
    await file.close();
  }
}

/** Adds the request to an error of the file system; that of the response has it already. */
function writingFailed(response: HTTPStreamedResponse, what: string, error: unknown): unknown {
  if (error instanceof HTTPClientError || !(error instanceof Error) || !('syscall' in error)) return error;
  const { effectiveUrl, request } = response;
  const message = `${request.method} ${effectiveUrl}: the body cannot be ${what}: ${error.message}`;
  return new Error(message, { cause: error });
}
