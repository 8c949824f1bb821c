import { ArgumentChecks, CodedError, type SystemError, shownText } from '@landspout/ioloop/errors';

/** The errors that a stream raises itself. An error of the system or of TLS is the `cause`. */
export const STREAM_ERRORS = {
  ERR_STREAM_CLOSED: {
    meaning:
      'The stream ended or was closed before the operation was complete; `cause` says why, unless the end was orderly.',
  },
  ERR_STREAM_BUSY: {
    meaning:
      'Another read is pending, or a consumer is set: a stream has one reader at a time. Wait for that read, or remove the consumer.',
  },
  ERR_STREAM_UNSATISFIABLE: {
    meaning:
      'The read was not satisfied within `maxBytes`; the stream was closed. Raise the limit if such input is valid.',
  },
  ERR_STREAM_READ_BUFFER_FULL: {
    meaning:
      'The pending read needs more than `maxReadBufferBytes`; the stream was closed. Read less, or raise the limit.',
  },
  ERR_STREAM_WRITE_BUFFER_FULL: {
    meaning:
      'The peer reads too slowly, and the write buffer is full; wait for the promise of a write before you write more.',
  },
  ERR_STREAM_USAGE: {
    meaning: 'An argument is invalid, or the call is not allowed in the current state; see the message.',
  },
  ERR_STREAM_TIMEOUT: {
    meaning: 'Connecting or the TLS handshake took longer than allowed; the connection was closed.',
  },
  ERR_STREAM_TLS: {
    meaning: 'The TLS handshake failed, or its certificates or options are invalid; see the `cause`.',
  },
  ERR_STREAM_TRUNCATED: {
    meaning: 'The peer ended the stream in the middle of a record; the bytes received can still be read.',
  },
  ERR_STREAM_TLS_TRUNCATED: {
    meaning:
      'The connection ended without close_notify, with which TLS announces its end, and only that end would have completed the message: bytes may be missing. The bytes received can still be read, and the stream can still be written. If the peer never sends close_notify, use messages with a length of their own.',
  },
  ERR_STREAM_FILE_CHANGED: {
    meaning:
      'A file ended before all of the requested bytes were sent; do not shorten files that are being sent.',
  },
  ERR_STREAM_FILE_UNREADABLE: { meaning: 'A file to be sent could not be read; see the `cause`.' },
  ERR_STREAM_RESOLVE: { meaning: 'The host name could not be resolved; see the `cause`.' },
} as const satisfies Record<string, { meaning: string }>;

export type StreamErrorCode = keyof typeof STREAM_ERRORS;

/** The stream is closed, or its peer has stopped writing. `cause` has the reason unless the end was orderly. */
export class StreamClosedError extends CodedError<'ERR_STREAM_CLOSED'> {
  override readonly name = 'StreamClosedError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_STREAM_CLOSED', message, options);
  }
}

/** The caller used the stream incorrectly; the state of the stream is unchanged. */
export class StreamUsageError extends CodedError<'ERR_STREAM_USAGE' | 'ERR_STREAM_BUSY'> {
  override readonly name = 'StreamUsageError';
}

/** A limit was exceeded. If a read exceeds it, the stream is closed; if a write does, nothing is queued. */
export class StreamLimitError extends CodedError<
  'ERR_STREAM_UNSATISFIABLE' | 'ERR_STREAM_READ_BUFFER_FULL' | 'ERR_STREAM_WRITE_BUFFER_FULL'
> {
  override readonly name = 'StreamLimitError';
}

/** The peer sent something that cannot be read as requested. The stream stays open, and the bytes can still be read. */
export class StreamProtocolError extends CodedError<'ERR_STREAM_TRUNCATED'> {
  override readonly name = 'StreamProtocolError';
}

/**
 * TLS ended without close_notify, so that the end may be forged, and bytes may be missing (RFC 8446 §6.1). Only a message
 * that its end completes fails with this error; for a read that waited for more bytes, it is the `cause` of a
 * {@link StreamClosedError}. The stream stays open, and the bytes can still be read. On node:tls, such an end cannot be
 * told apart from one that was announced.
 */
export class StreamTruncatedError extends CodedError<'ERR_STREAM_TLS_TRUNCATED'> {
  override readonly name = 'StreamTruncatedError';
  /** How many bytes the stream had received from its start to its end. */
  readonly bytesReceived: number;

  /** @param operation - what was to be completed by the end; '' to name nothing. */
  constructor(bytesReceived: number, operation = '') {
    const what = operation === '' ? '' : `${operation}: `;
    super(
      'ERR_STREAM_TLS_TRUNCATED',
      `${what}expected TLS to announce its end with close_notify, but the connection ended without it after ${bytesReceived} bytes were received: bytes may be missing, so the message must not be used as if it were complete`,
    );
    this.bytesReceived = bytesReceived;
  }
}

/** A file could not be sent completely. The stream was reset, unless the error occurred before the file was queued. */
export class StreamFileError extends CodedError<'ERR_STREAM_FILE_CHANGED' | 'ERR_STREAM_FILE_UNREADABLE'> {
  override readonly name = 'StreamFileError';
}

/** A phase of connecting: resolving the name, connecting to an address, the TLS handshake. */
export type ConnectPhase = 'dns' | 'connect' | 'tls';

interface TimeoutErrorOptions extends ErrorOptions {
  readonly phase?: ConnectPhase | undefined;
  readonly address?: string | undefined;
}

/** A deadline set by the caller passed; the connection being established was closed. */
export class StreamTimeoutError extends CodedError<'ERR_STREAM_TIMEOUT'> {
  override readonly name = 'StreamTimeoutError';
  /** The phase in which `TCPClient.connect` was. */
  readonly phase: ConnectPhase | undefined;
  /** The address that `TCPClient.connect` tried last or had reached, such as `127.0.0.1:80`, if it came so far. */
  readonly address: string | undefined;

  constructor(message: string, options: TimeoutErrorOptions = {}) {
    super('ERR_STREAM_TIMEOUT', message, options);
    this.phase = options.phase;
    this.address = options.address;
  }
}

/** A host name could not be resolved, or TLS could not be set up: see the `cause`. */
export class StreamConnectError extends CodedError<'ERR_STREAM_RESOLVE' | 'ERR_STREAM_TLS'> {
  override readonly name = 'StreamConnectError';
  /** The server with which the TLS handshake failed, such as `127.0.0.1:443`, if its address is known. */
  readonly address: string | undefined;

  constructor(
    code: 'ERR_STREAM_RESOLVE' | 'ERR_STREAM_TLS',
    message: string,
    options: ErrorOptions & { readonly address?: string | undefined } = {},
  ) {
    super(code, message, options);
    this.address = options.address;
  }
}

/** The errors about sockets that a service manager passes to a process. */
export const LISTEN_ERRORS = {
  ERR_LISTEN_NOT_ACTIVATED: {
    meaning:
      'No service manager passed sockets to this process, or all of them are already in use. If there is no service manager, listen on a port.',
  },
  ERR_LISTEN_ACTIVATION: {
    meaning:
      'LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES contradict each other or the arguments of the call; see the message.',
  },
} as const satisfies Record<string, { meaning: string }>;

/** The sockets to be inherited are missing or do not match. The call did not open a listener. */
export class ListenUsageError extends CodedError<keyof typeof LISTEN_ERRORS> {
  override readonly name = 'ListenUsageError';
}

/** Maximum number of errors that a message lists; {@link ConnectError.errors} has all of them. */
const MAX_LISTED = 8;

/**
 * None of a host's addresses accepted the connection. `code`, `syscall` and `address` are those of the last error,
 * which is also the `cause`. So `code` is a system error code (such as `ECONNREFUSED`), as for a host with one address.
 */
export class ConnectError extends CodedError {
  override readonly name = 'ConnectError';

  readonly syscall: string;
  readonly address: string | undefined;
  /** The error of each attempt, in the order in which they failed. Each names its address. */
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

/** The state of a stream that determines how its end is described. */
export interface EndedStream {
  readonly isClosed: boolean;
  readonly isEnded: boolean;
  /** Whether TLS ended without close_notify. */
  readonly isEndBare: boolean;
  readonly bytesReceived: number;
  readonly error: Error | undefined;
}

/**
 * Creates the error for an operation on a stream that has ended or was closed; the message says which.
 *
 * @param operation - for `read`, an end of TLS without close_notify is the cause if there is no other.
 */
export function closedError(stream: EndedStream, operation: string): StreamClosedError {
  const isCut = operation === 'read' && stream.isEndBare;
  const cause = stream.error ?? (isCut ? new StreamTruncatedError(stream.bytesReceived) : undefined);
  let how = 'the peer has ended the stream';
  if (stream.isClosed) how = 'the stream is closed';
  else if (operation === 'write') how = 'endWrite was called';
  const why = cause === undefined ? '' : `: ${cause.message}`;
  return new StreamClosedError(`${operation}: ${how}${why}`, { cause });
}

/**
 * Whether everything has arrived that the peer sent before its end: the peer has ended, and none of our limits closed
 * the stream. It does not matter if the stream was closed for another reason after the peer's end. If the end is bare
 * ({@link EndedStream.isEndBare}), it may not be the peer's.
 */
export function endedInOrder(stream: EndedStream): boolean {
  return stream.isEnded && !(stream.error instanceof StreamLimitError);
}

/** Checks the options and arguments of streams, servers and clients. Subprocesses have `processChecks`. */
export const streamChecks = new ArgumentChecks(
  (problem) => new StreamUsageError('ERR_STREAM_USAGE', problem),
);

/** The error for an invalid argument of `listen`. */
export function listenUsage(message: string): StreamUsageError {
  return new StreamUsageError('ERR_STREAM_USAGE', `listen: ${message}`);
}

/** Checks a limit in bytes. `Infinity` means "as much as the next higher limit allows". */
export function requireByteLimit(operation: string, name: string, value: unknown, least: number): number {
  const isCount = typeof value === 'number' && (Number.isSafeInteger(value) || value === Infinity);
  if (isCount && value >= least) return value;
  throw streamChecks.wrong(operation, `${name}: a whole number of ${least} or more, or Infinity,`, value);
}
