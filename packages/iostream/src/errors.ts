import { ArgumentChecks, CodedError, type SystemError, shownText } from '@landspout/ioloop/errors';

/** Everything a stream refuses by itself. What the system or TLS refuses is the `cause`. */
export const STREAM_ERRORS = {
  ERR_STREAM_CLOSED: {
    meaning: 'The stream ended or was closed before the operation was complete; see the cause.',
  },
  ERR_STREAM_BUSY: { meaning: 'Another read is waiting: a stream has one reader at a time.' },
  ERR_STREAM_UNSATISFIABLE: {
    meaning: 'What was asked for did not come within the allowed number of bytes.',
  },
  ERR_STREAM_READ_BUFFER_FULL: { meaning: 'The peer sent more than the read buffer may hold.' },
  ERR_STREAM_WRITE_BUFFER_FULL: { meaning: 'The peer reads too slowly, and the write buffer is full.' },
  ERR_STREAM_USAGE: { meaning: 'An argument or the moment of the call is wrong.' },
  ERR_STREAM_TIMEOUT: { meaning: 'Connecting or the handshake took longer than allowed.' },
  ERR_STREAM_TLS: {
    meaning: 'The TLS handshake failed, or the certificates and options for it are unusable; see the cause.',
  },
  ERR_STREAM_TRUNCATED: { meaning: 'The peer ended the stream in the middle of a record.' },
  ERR_STREAM_FILE_CHANGED: { meaning: 'A file that was being sent ended earlier than it was to.' },
  ERR_STREAM_FILE_UNREADABLE: { meaning: 'A file that was to be sent could not be read; see the cause.' },
  ERR_STREAM_RESOLVE: { meaning: 'The host name could not be resolved; see the cause.' },
} as const satisfies Record<string, { meaning: string }>;

export type StreamErrorCode = keyof typeof STREAM_ERRORS;

/** The stream is closed, or its peer has stopped writing. `cause` says why where it was no orderly end. */
export class StreamClosedError extends CodedError<'ERR_STREAM_CLOSED'> {
  override readonly name = 'StreamClosedError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_STREAM_CLOSED', message, options);
  }
}

/** The caller broke a contract of the stream; the stream is as it was. */
export class StreamUsageError extends CodedError<'ERR_STREAM_USAGE' | 'ERR_STREAM_BUSY'> {
  override readonly name = 'StreamUsageError';
}

/** A bound was reached. For reads the stream is closed; for writes nothing of the write was queued. */
export class StreamLimitError extends CodedError<
  'ERR_STREAM_UNSATISFIABLE' | 'ERR_STREAM_READ_BUFFER_FULL' | 'ERR_STREAM_WRITE_BUFFER_FULL'
> {
  override readonly name = 'StreamLimitError';
}

/** The peer sent what cannot be read as asked; the stream is open, and what came is still there to be read. */
export class StreamProtocolError extends CodedError<'ERR_STREAM_TRUNCATED'> {
  override readonly name = 'StreamProtocolError';
}

/** A file could not be sent as it was to: the stream was reset, unless it had not been queued yet. */
export class StreamFileError extends CodedError<'ERR_STREAM_FILE_CHANGED' | 'ERR_STREAM_FILE_UNREADABLE'> {
  override readonly name = 'StreamFileError';
}

/** A deadline of the caller passed; what was being made is closed. */
export class StreamTimeoutError extends CodedError<'ERR_STREAM_TIMEOUT'> {
  override readonly name = 'StreamTimeoutError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_STREAM_TIMEOUT', message, options);
  }
}

/** A name did not resolve, or TLS could not be set up: see the cause. */
export class StreamConnectError extends CodedError<'ERR_STREAM_RESOLVE' | 'ERR_STREAM_TLS'> {
  override readonly name = 'StreamConnectError';
}

/** What can be wrong with sockets that a service manager passes to a process. */
export const LISTEN_ERRORS = {
  ERR_LISTEN_NOT_ACTIVATED: {
    meaning: 'No service manager has passed sockets to this process, or none that is left.',
  },
  ERR_LISTEN_ACTIVATION: {
    meaning: 'LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES contradict each other or the call.',
  },
} as const satisfies Record<string, { meaning: string }>;

/** The sockets that were to be inherited are not there as they should be. Nothing listens because of the call. */
export class ListenUsageError extends CodedError<keyof typeof LISTEN_ERRORS> {
  override readonly name = 'ListenUsageError';
}

/** Most errors that a message lists; {@link ConnectError.errors} has all. */
const MAX_LISTED = 8;

/**
 * None of several addresses of a host accepted the connection. Code, system call and address are those of the attempt
 * that failed last, which is the cause, so that `code` is the system's own (such as `ECONNREFUSED`), as it is for a
 * host with one address.
 */
export class ConnectError extends CodedError {
  override readonly name = 'ConnectError';

  readonly syscall: string;
  readonly address: string | undefined;
  /** The error of each attempt, in the order in which they failed; each names its address. */
  readonly errors: readonly unknown[];

  /** @param last - the last of `errors`. */
  constructor(host: string, errors: readonly unknown[], last: SystemError) {
    const listed = errors.slice(0, MAX_LISTED).map(messageOf);
    if (errors.length > MAX_LISTED) listed.push(`and ${errors.length - MAX_LISTED} more`);
    const name = shownText(host, 100);
    super(
      last.code,
      `connect: none of the ${errors.length} addresses of ${name} accepted the connection: ${listed.join('; ')}`,
      { cause: last },
    );
    this.syscall = last.syscall;
    this.address = last.address;
    this.errors = errors;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What of a stream decides how its end is told. */
export interface EndedStream {
  readonly isClosed: boolean;
  readonly isEnded: boolean;
  readonly error: Error | undefined;
}

/** The error of an operation on a stream that has come to its end, in the words that fit how it ended. */
export function closedError(stream: EndedStream, operation: string): StreamClosedError {
  let how = 'the peer has ended the stream';
  if (stream.isClosed) how = 'the stream is closed';
  else if (operation === 'write') how = 'endWrite was called';
  const why = stream.error === undefined ? '' : `: ${stream.error.message}`;
  return new StreamClosedError(`${operation}: ${how}${why}`, { cause: stream.error });
}

/** Whether all that the peer sent has come: whatever closed the stream after the peer's end, but for a limit of ours. */
export function endedInOrder(stream: EndedStream): boolean {
  return stream.isEnded && !(stream.error instanceof StreamLimitError);
}

/** The checks of options and arguments of streams, servers and clients. Those of subprocesses are `processChecks`. */
export const streamChecks = new ArgumentChecks(
  (problem) => new StreamUsageError('ERR_STREAM_USAGE', problem),
);

/** The error for a way of listening that cannot be. */
export function listenUsage(message: string): StreamUsageError {
  return new StreamUsageError('ERR_STREAM_USAGE', `listen: ${message}`);
}

/** A number of bytes as it may be given for a limit; infinity stands for "as many as the limit above allows". */
export function requireByteLimit(operation: string, name: string, value: unknown, least: number): number {
  const isCount = typeof value === 'number' && (Number.isSafeInteger(value) || value === Infinity);
  if (isCount && value >= least) return value;
  throw streamChecks.wrong(operation, `${name}: a whole number of ${least} or more, or Infinity,`, value);
}
