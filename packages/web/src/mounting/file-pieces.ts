import { Buffer } from 'node:buffer';
import { read } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { FilePart } from '@landspout/http1';
import { StreamFileError } from '@landspout/iostream';

const PIECE_BYTES = 64 * 1024;

const readAt = promisify(read);

/**
 * Reads bytes of a file in pieces, at the pace of `take`. The file stays open.
 *
 * @param take - called with each piece, which it owns; what it returns is awaited.
 * @throws StreamFileError `ERR_STREAM_FILE_CHANGED` if the file is shorter than `end`; the errors of `read`, and of
 *   `take`.
 */
export async function readFilePart(
  file: FileHandle | number,
  { start = 0, end }: FilePart,
  take: (piece: Uint8Array) => unknown,
): Promise<void> {
  const descriptor = typeof file === 'number' ? file : file.fd;
  for (let at = start; at < end; ) {
    const length = Math.min(PIECE_BYTES, end - at);
    const { bytesRead, buffer } = await readAt(descriptor, Buffer.allocUnsafe(length), 0, length, at);
    if (bytesRead === 0) {
      const problem = `writeFile: the file ends at ${at} bytes, and ${end} were announced`;
      throw new StreamFileError('ERR_STREAM_FILE_CHANGED', problem);
    }
    at += bytesRead;
    await take(buffer.subarray(0, bytesRead));
  }
}
