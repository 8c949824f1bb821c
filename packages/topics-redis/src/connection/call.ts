import type { BackplaneError } from '@landspout/topics';
import { hashTag } from './hash-slot.ts';
import type { LuaScript } from './lua-script.ts';
import type { RedisArgument, RedisReply } from './redis-link.ts';
import { WireCommand } from './wire-command.ts';

/** One call that waits for its reply. */
export class Call {
  /** What all keys of the log have in common. Calls with the same one are executed in their order. */
  readonly tag: string;
  /** What is to be done, for messages. */
  readonly operation: string;
  readonly script: LuaScript | undefined;
  /** The command without the name of the script. */
  readonly #args: readonly RedisArgument[];
  readonly bytes: number;
  readonly reply: Promise<RedisReply>;
  /** Counts calls, in their order. */
  readonly sequence: number;
  /** How often it was sent to no effect. */
  attempts = 0;
  /** The address of the node that it is sent to next, and only once: the slot is being moved there. */
  redirectedTo: string | undefined;
  resolve: (reply: RedisReply) => void = () => {};
  reject: (error: BackplaneError) => void = () => {};

  constructor(sequence: number, key: string, script: LuaScript | undefined, args: readonly RedisArgument[]) {
    this.sequence = sequence;
    this.tag = hashTag(key);
    this.script = script;
    this.operation = script?.name ?? String(args[0]);
    this.#args = args;
    this.bytes = args.reduce((sum, arg) => sum + byteLength(arg), 0);
    this.reply = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** Returns the command for a connection. @param isKnown - whether the server knows the script. */
  command(isKnown: boolean): WireCommand {
    const { script } = this;
    if (script === undefined) return new WireCommand(this.#args);
    if (isKnown) return new WireCommand(['EVALSHA', script.sha1, ...this.#args]);
    return new WireCommand(['EVAL', script.source, ...this.#args]);
  }
}

function byteLength(argument: RedisArgument): number {
  return typeof argument === 'string' ? Buffer.byteLength(argument) : argument.byteLength;
}
