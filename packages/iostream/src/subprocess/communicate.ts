import { type IOLoop, withTimeout } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { onAbort } from '@landspout/ioloop/reactor';
import { StreamClosedError, StreamLimitError } from '../errors.ts';
import type { IOStream } from '../stream/io-stream.ts';
import { processChecks, SubprocessLimitError } from './subprocess-errors.ts';

export interface CommunicateOptions {
  /** Most bytes of stdout, and as many of stderr. Default 16 MiB; the streams' `maxReadBufferBytes` holds too. */
  readonly maxBytes?: number;
  /** Stops the wait. */
  readonly signal?: AbortSignal;
  /** Most milliseconds to wait; default: no limit. */
  readonly timeoutMs?: number;
}

const COMMUNICATE_OPTIONS: OptionNames<CommunicateOptions> = {
  maxBytes: true,
  signal: true,
  timeoutMs: true,
};

/** All that a child has said, and how it ended. Outputs that are no streams are empty. */
export interface CommunicateResult {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly returnCode: number;
}

/** What is needed of the `Subprocess`. */
interface Child {
  readonly loop: IOLoop;
  readonly stdin: IOStream | undefined;
  readonly stdout: IOStream | undefined;
  readonly stderr: IOStream | undefined;
  waitForExit(options: { readonly raiseError: false; readonly signal: AbortSignal }): Promise<number>;
  close(): Promise<void>;
}

const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;

/** Writes, ends, and reads all there is; see `Subprocess.communicate`. */
export async function communicate(
  child: Child,
  input: string | Uint8Array | undefined,
  options: CommunicateOptions,
): Promise<CommunicateResult> {
  processChecks.options('communicate', options, COMMUNICATE_OPTIONS);
  const { maxBytes = DEFAULT_MAX_BYTES, signal, timeoutMs } = options;
  processChecks.wholeNumber('communicate', 'maxBytes', maxBytes);
  requireInput(child, input);
  const run = (stop: AbortSignal): Promise<CommunicateResult> => exchange(child, input, maxBytes, stop);
  return withTimeout(run, { signal, timeoutMs, clock: child.loop.clock });
}

async function exchange(
  child: Child,
  input: string | Uint8Array | undefined,
  maxBytes: number,
  stop: AbortSignal,
): Promise<CommunicateResult> {
  // When one of the reads fails, the other must not go on holding its stream.
  const reading = new AbortController();
  const stopListening = onAbort(stop, (reason) => reading.abort(reason));
  try {
    send(child.stdin, input);
    const [stdout, stderr, returnCode] = await Promise.all([
      collect('stdout', child.stdout, maxBytes, reading.signal),
      collect('stderr', child.stderr, maxBytes, reading.signal),
      child.waitForExit({ raiseError: false, signal: reading.signal }),
    ]);
    return { stdout, stderr, returnCode };
  } catch (error) {
    reading.abort(error);
    if (error instanceof SubprocessLimitError) await child.close();
    throw error;
  } finally {
    stopListening();
  }
}

function requireInput(child: Child, input: unknown): void {
  if (input === undefined) return;
  if (typeof input !== 'string' && !(input instanceof Uint8Array)) {
    throw processChecks.wrong('communicate', 'bytes or text', input);
  }
  if (child.stdin === undefined || child.stdin.isWriteEnded) {
    throw processChecks.wrong('communicate', 'no input for a child whose stdin is no open stream', input);
  }
}

/** How much of its input a child wants is its own affair, so that nobody waits for the write. */
function send(stdin: IOStream | undefined, input: string | Uint8Array | undefined): void {
  if (stdin === undefined) return;
  if (input !== undefined) void stdin.write(input);
  stdin.endWrite();
}

async function collect(
  name: string,
  stream: IOStream | undefined,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  if (stream === undefined) return Buffer.alloc(0);
  try {
    return await stream.readUntilClose({ maxBytes, signal });
  } catch (error) {
    if (!(error instanceof StreamClosedError && error.cause instanceof StreamLimitError)) throw error;
    const problem = `communicate: ${name} passed its limit: ${error.cause.message}`;
    throw new SubprocessLimitError(problem, { cause: error.cause });
  }
}
