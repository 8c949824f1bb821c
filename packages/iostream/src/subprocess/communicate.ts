import { type IOLoop, withTimeout } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { onAbort } from '@landspout/ioloop/reactor';
import { StreamClosedError, StreamLimitError } from '../errors.ts';
import type { IOStream } from '../stream/io-stream.ts';
import { processChecks, SubprocessLimitError } from './subprocess-errors.ts';

export interface CommunicateOptions {
  /**
   * Maximum number of bytes of stdout, and also of stderr. Default: 16 MiB. The streams' `maxReadBufferBytes` applies
   * as well.
   */
  readonly maxBytes?: number;
  /** Cancels the wait. */
  readonly signal?: AbortSignal;
  /** How long to wait, in milliseconds. Default: no limit. */
  readonly timeoutMs?: number;
}

const COMMUNICATE_OPTIONS: OptionNames<CommunicateOptions> = {
  maxBytes: true,
  signal: true,
  timeoutMs: true,
};

/** The complete output of a child, and how it ended. If stdout or stderr is not a stream, that output is empty. */
export interface CommunicateResult {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly returnCode: number;
}

/** The part of `Subprocess` that is used here. */
interface Child {
  readonly loop: IOLoop;
  readonly stdin: IOStream | undefined;
  readonly stdout: IOStream | undefined;
  readonly stderr: IOStream | undefined;
  waitForExit(options: { readonly raiseError: false; readonly signal: AbortSignal }): Promise<number>;
  close(): Promise<void>;
}

const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;

/** Writes the input, ends it, and reads all output; see `Subprocess.communicate`. */
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
  // If one of the reads fails, the other must not keep its stream busy.
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
    throw processChecks.wrong(
      'communicate',
      'no input (the stdin of the child is not an open stream)',
      input,
    );
  }
}

/** Writes the input without waiting: a child need not read all of it. */
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
    const problem = `communicate: ${name} exceeded its limit: ${error.cause.message}`;
    throw new SubprocessLimitError(problem, { cause: error.cause });
  }
}
