import type { ConnectionRules } from './lasting-connection.ts';
import type { RedisArgument, RedisReply } from './redis-link.ts';
import { ServerConnection } from './server-connection.ts';
import type { ServerOptions } from './server-options.ts';
import { WireCommand } from './wire-command.ts';

/** Sends one command, and waits for its reply. */
export type Ask = (...command: readonly RedisArgument[]) => Promise<RedisReply>;

/**
 * Connects to a server for some questions, and ends the connection. Each may take as long as connecting.
 *
 * @param signal - ends it.
 */
export async function withConnection<Result>(
  server: ServerOptions,
  rules: ConnectionRules,
  signal: AbortSignal,
  use: (ask: Ask, address: string) => Promise<Result>,
): Promise<Result> {
  const connection = await ServerConnection.connect({ ...rules, server, signal });
  try {
    return await use((...command) => askWithin(connection, rules, signal, command), connection.address);
  } finally {
    connection.end(new Error('it was used'));
  }
}

/** Sends a command on a connection; without a reply in time the connection ends. */
export async function askWithin(
  connection: ServerConnection,
  { connectTimeoutMs, clock }: ConnectionRules,
  signal: AbortSignal,
  command: readonly RedisArgument[],
): Promise<RedisReply> {
  const end = (problem: string) => connection.end(new Error(problem));
  const abort = () => end('the attempt to connect was ended');
  const deadline = clock.setTimeout(() => end(`no reply within ${connectTimeoutMs} ms`), connectTimeoutMs);
  deadline.unref();
  signal.addEventListener('abort', abort);
  try {
    signal.throwIfAborted();
    return await connection.send(new WireCommand(command));
  } finally {
    deadline.cancel();
    signal.removeEventListener('abort', abort);
  }
}
