import { write } from 'node:fs';
import { promisify } from 'node:util';

const STDOUT = 1;
/** How long to wait if standard output is a full pipe that another process has made non-blocking. */
const RETRY_MS = 5;

const writeBytes = promisify(write);

/** The reader of standard output wants no more, as `head` after its lines. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

/**
 * Writes to standard output, and resolves when the system has taken all bytes: this is the back-pressure of a slow
 * reader. `process.stdout` would block the whole process meanwhile, so signals and timeouts would have to wait.
 *
 * @throws OutputClosed if the reader is gone; the error of the system, for example if the disk is full.
 */
export async function writeOutput(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += (await writeBytes(STDOUT, bytes, at)).bytesWritten;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') throw new OutputClosed('the reader of standard output is gone', { cause: error });
      if (code !== 'EAGAIN') throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** Prints text to standard output. It is no failure if the reader wants no more. @throws the error of the system. */
export async function print(text: string): Promise<void> {
  try {
    await writeOutput(Buffer.from(text, 'utf8'));
  } catch (error) {
    if (!(error instanceof OutputClosed)) throw error;
  }
}

/** Prints one line about what a command does, or why it fails, to standard error. */
export function complain(command: string, line: string): void {
  process.stderr.write(`landspout ${command}: ${line}\n`);
}
