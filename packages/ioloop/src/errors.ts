/**
 * The base class of all Landspout errors, and the checks and text helpers that their messages share. This file imports
 * only files that import nothing else, so that a protocol floor may use it.
 *
 * @packageDocumentation
 */

export { ArgumentChecks, MAX_DELAY_MS } from './argument-checks.ts';
export { type OptionNames, optionsProblem, pickOptions, similarName } from './option-names.ts';
export { excerpt, printable, printableLogValue } from './printable.ts';
export { errorOf, shownText, shownValue } from './shown-value.ts';

/**
 * An error that programs identify by its {@link code}.
 *
 * Match on the code. The message is for people, and its wording may change in any release.
 */
export abstract class CodedError<Code extends string = string> extends Error {
  /** Stable name of the error, such as `ERR_STREAM_CLOSED`. */
  readonly code: Code;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface SystemErrorOptions extends ErrorOptions {
  /** What the reader of the message can do about the error, if known. Appended to the message. */
  readonly remedy?: string;
}

/**
 * A system call failed. The code is the system's own, such as `EADDRINUSE`.
 *
 * Both backends throw this class with the same code, system call and address.
 */
export class SystemError extends CodedError {
  override readonly name = 'SystemError';

  /** The system call that failed, such as `bind`. */
  readonly syscall: string;
  /** The address or other object of the call, such as `127.0.0.1:8888`; `undefined` if there is none. */
  readonly address: string | undefined;

  constructor(code: string, syscall: string, address?: string, options: SystemErrorOptions = {}) {
    const target = address === undefined ? '' : ` ${address}`;
    const remedy = options.remedy === undefined ? '' : `; ${options.remedy}`;
    const what = SYSTEM_MESSAGES[code] ?? 'the system call failed';
    super(code, `${syscall}${target}: ${what} (${code})${remedy}`, options);
    this.syscall = syscall;
    this.address = address;
  }

  /** Converts an error of Node's own sockets and files to this class. Returns other errors unchanged. */
  static from(error: unknown, syscall: string, address?: string): Error {
    if (error instanceof CodedError) return error;
    const cause = error instanceof Error ? error : new Error(String(error));
    const code = (cause as { code?: unknown }).code;
    if (typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code)) return cause;
    return new SystemError(code, syscall, address, { cause });
  }
}

/** Explanations of the most frequent error codes. */
const SYSTEM_MESSAGES: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'the address is already in use',
  EADDRNOTAVAIL: 'the address does not belong to this machine',
  ECONNABORTED: 'the connection was aborted',
  ECONNREFUSED: 'nothing is listening on this address',
  ECONNRESET: 'the peer reset the connection',
  EHOSTUNREACH: 'no route to the host',
  EMFILE: 'this process has no file descriptors left',
  ENETUNREACH: 'the network is unreachable',
  ENFILE: 'the system has no file descriptors left',
  ENOENT: 'no such file',
  ENOTSOCK: 'not a socket',
  EPIPE: 'the peer no longer reads',
  ETIMEDOUT: 'the peer did not respond in time',
};
