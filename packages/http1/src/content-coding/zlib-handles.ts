// What is relied on of the internals of node:zlib: `_handle` of a stream, whose class is created with a mode; its methods
// `init`, `write`, `writeSync`, `reset` and `close`; the array of two numbers among the arguments of `init`, into which
// a write puts the room left in the output and the bytes left of the input; the only function among them; and `onerror`.
// Node ends the process if one of these methods is called with arguments of another type. So calls that Node makes
// itself are observed first, and repeated with the same arguments.

import { Buffer } from 'node:buffer';
import * as zlib from 'node:zlib';

export type WriteArguments = readonly [
  flush: number,
  input: Uint8Array,
  inputStart: number,
  inputLength: number,
  output: Uint8Array,
  outputStart: number,
  outputLength: number,
];

export interface Handle {
  onerror: (message: string, errno: number, code: string) => void;
  init(...initArguments: readonly unknown[]): void;
  write(...write: WriteArguments): void;
  writeSync(...write: WriteArguments): void;
  reset(): void;
  close(): void;
}

/** How Node itself creates the handle of one kind of stream. */
export interface HandleRecipe {
  readonly Handle: new (mode: number) => Handle;
  readonly mode: number;
  /** The arguments of `init`. The array of numbers and the callback among them are those of the observed stream. */
  readonly initArguments: readonly unknown[];
}

/** One kind of stream, as the public functions of node:zlib create and use it. */
export interface StreamKind {
  /** The name of its mode among the constants of node:zlib. */
  readonly mode: string;
  createStream(): object;
  /** Calls the synchronous function of the same kind. */
  process(bytes: Uint8Array): unknown;
}

interface StreamWithHandle {
  readonly _handle: Handle;
  write(bytes: Uint8Array): void;
  destroy(): void;
}

type HandlePrototype = Handle & { readonly constructor: HandleRecipe['Handle'] };

/** By the prototype of the handles, because several kinds share one: whether Node uses them as expected. */
const observed = new Map<HandlePrototype, boolean>();

/** Observes how Node creates a kind of stream. Returns `undefined` if it does so in another way than expected. */
export function observeHandle(kind: StreamKind): HandleRecipe | undefined {
  const mode = (zlib.constants as unknown as Record<string, unknown>)[kind.mode];
  const prototype = prototypeOf(createStream(kind));
  if (typeof mode !== 'number' || !hasMethods(prototype)) return undefined;
  let isAsExpected = observed.get(prototype);
  if (isAsExpected === undefined) {
    isAsExpected = writesAsExpected(prototype, kind);
    observed.set(prototype, isAsExpected);
  }
  const initArguments = observeInit(prototype, kind);
  const callbacks = initArguments.filter((argument) => typeof argument === 'function');
  if (!isAsExpected || callbacks.length !== 1) return undefined;
  if (initArguments.filter(isPairOfNumbers).length !== 1) return undefined;
  return { Handle: prototype.constructor, mode, initArguments };
}

/** Whether an argument of `init` is the array for the numbers of bytes that are left. */
export function isPairOfNumbers(argument: unknown): boolean {
  return argument instanceof Uint32Array && argument.length === 2;
}

function createStream(kind: StreamKind): StreamWithHandle {
  return kind.createStream() as StreamWithHandle;
}

function prototypeOf(stream: StreamWithHandle): HandlePrototype {
  const handle = stream._handle;
  stream.destroy();
  return Object.getPrototypeOf(handle) as HandlePrototype;
}

function hasMethods({ init, write, writeSync, reset, close }: Handle): boolean {
  return [init, write, writeSync, reset, close].every((method) => typeof method === 'function');
}

/** Returns the arguments with which Node calls `init` for a stream. */
function observeInit(prototype: HandlePrototype, kind: StreamKind): readonly unknown[] {
  const { init } = prototype;
  let initArguments: readonly unknown[] = [];
  prototype.init = function (this: Handle, ...passed) {
    initArguments = passed;
    init.apply(this, passed as []);
  };
  try {
    createStream(kind).destroy();
  } finally {
    prototype.init = init;
  }
  return initArguments;
}

/** Whether Node calls the methods that process data in the same way as we do. */
function writesAsExpected(prototype: HandlePrototype, kind: StreamKind): boolean {
  const { write, writeSync } = prototype;
  let writeArguments: readonly unknown[] = [];
  let writeSyncArguments: readonly unknown[] = [];
  // Not passed on: the arguments are enough, and so no thread works on it.
  prototype.write = (...passed) => {
    writeArguments = passed;
  };
  prototype.writeSync = function (this: Handle, ...passed) {
    writeSyncArguments = passed;
    writeSync.apply(this, passed);
  };
  try {
    kind.process(Buffer.of(0));
    const stream = createStream(kind);
    stream.write(Buffer.of(0));
    stream.destroy();
  } finally {
    prototype.write = write;
    prototype.writeSync = writeSync;
  }
  return isWrite(writeArguments) && isWrite(writeSyncArguments);
}

function isWrite(passed: readonly unknown[]): boolean {
  const [flush, input, inputStart, inputLength, output, outputStart, outputLength] = passed;
  if (passed.length !== 7 || typeof flush !== 'number') return false;
  if (!(input instanceof Uint8Array) || !(output instanceof Uint8Array)) return false;
  return inputStart === 0 && inputLength === 1 && outputStart === 0 && outputLength === output.length;
}
