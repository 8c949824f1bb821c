import type { RedisArgument } from './redis-link.ts';

/**
 * The arguments of one command, in the shape of an array. It notices when the client asks for their number, which it does
 * to encode them: a command whose number was never asked for cannot have been sent.
 *
 * `@redis/client` queues commands, and rejects those that were written and those that were not with one error if the
 * connection is lost.
 */
export class WireCommand {
  readonly [index: number]: string | Buffer;
  readonly #length: number;
  #wasEncoded = false;

  constructor(args: readonly RedisArgument[]) {
    this.#length = args.length;
    const slots = this as { [index: number]: string | Buffer };
    for (let index = 0; index < args.length; index += 1)
      slots[index] = encodable(args[index] as RedisArgument);
  }

  get length(): number {
    this.#wasEncoded = true;
    return this.#length;
  }

  /** Whether the server may have got it, or a part of it. */
  get mayBeSent(): boolean {
    return this.#wasEncoded;
  }
}

/** The client encodes texts and Buffers. The bytes are not copied. */
function encodable(argument: RedisArgument): string | Buffer {
  if (typeof argument === 'string' || Buffer.isBuffer(argument)) return argument;
  return Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength);
}
