import type { FileHandle } from 'node:fs/promises';
import { type OptionNames, shownValue } from '@landspout/ioloop/errors';
import { type IOStream, StreamFileError } from '@landspout/iostream';
import type { FilePart } from '../../delegate.ts';
import type { ResponseEncoder } from '../../protocol/index.ts';
import { connectionChecks, HTTPUsageError } from '../errors.ts';

const FILE_PART: OptionNames<FilePart> = { start: true, end: true };

/**
 * Checks the arguments of `writeFile`, and fills in the default. Call it before anything is written, so that an invalid
 * argument does not end the connection.
 *
 * @throws HTTPUsageError if an argument is invalid.
 */
export function requireFilePart(file: unknown, part: FilePart): Required<FilePart> {
  connectionChecks.options('writeFile', part, FILE_PART);
  const { start = 0, end } = part;
  connectionChecks.wholeNumber('writeFile', 'start', start);
  connectionChecks.wholeNumber('writeFile', 'end', end, start);
  if (!isOpenFile(file)) {
    const expected = 'file must be an open FileHandle or descriptor';
    throw new HTTPUsageError(`writeFile: ${expected}, got ${shownValue(file)}`);
  }
  return { start, end };
}

/**
 * Writes bytes of a file as the next part of the body. If the body becomes longer than announced, or the bytes cannot
 * be sent, a partial response must not look complete: the connection is reset (H1-13).
 *
 * @returns a promise for the bytes; undefined if there is nothing to send, as in a response to HEAD.
 */
export function sendFilePart(
  stream: IOStream,
  encoder: ResponseEncoder,
  file: FileHandle | number,
  start: number,
  end: number,
): Promise<unknown> | undefined {
  if (start === end) return undefined;
  try {
    const prefix = encoder.dataPrefix(end - start);
    if (!encoder.sendsBody) return undefined;
    if (prefix !== '') stream.send(prefix);
    const sent = stream.sendFile(file, { start, end });
    if (prefix !== '') stream.send(encoder.dataSuffix);
    // The stream itself resets the connection if it started to send a file and failed, but not if it did not accept the
    // file.
    return sent.catch((error: unknown) => {
      if (!(error instanceof StreamFileError)) resetFor(stream, error);
      throw error;
    });
  } catch (error) {
    resetFor(stream, error);
    throw error;
  }
}

function resetFor(stream: IOStream, error: unknown): void {
  if (!stream.isClosed) stream.reset(error instanceof Error ? error : undefined);
}

function isOpenFile(file: unknown): boolean {
  if (typeof file === 'number') return Number.isInteger(file) && file >= 0 && file < 2 ** 31;
  if (typeof file !== 'object' || file === null) return false;
  const { fd, read } = file as Partial<FileHandle>;
  return typeof fd === 'number' && fd >= 0 && typeof read === 'function';
}
