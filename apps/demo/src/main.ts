import { IOLoop } from 'landspout';
import { ArgumentError, type Command, parseCommand, USAGE } from './arguments.ts';
import { startChat } from './chat/chat-server.ts';
import { runFetch } from './programs/fetch.ts';
import { runSelector } from './programs/selector.ts';
import { withGreeter } from './with-greeter.ts';

/** Longer than an orderly stop takes; connections that are still open then end with the process. */
const STOP_LIMIT_MS = 5_000;

const WRONG_USAGE = 2;

try {
  await run(parseCommand(process.argv.slice(2), process.env));
} catch (error) {
  console.error(sentence(error));
  process.exitCode = error instanceof ArgumentError ? WRONG_USAGE : 1;
}

function run(command: Command): Promise<void> | void {
  switch (command.kind) {
    case 'help':
      return console.log(USAGE);
    case 'chat':
      return runChat(command.port, command.host);
    case 'selector':
      return command.url === undefined ? withGreeter(runSelector) : runSelector(command.url);
    case 'fetch':
      return command.url === undefined ? withGreeter(runFetch) : runFetch(command.url);
  }
}

async function runChat(port: number, host: string): Promise<void> {
  const signal = nextStopSignal();
  const { backend, backendReason } = IOLoop.current();
  const chat = await startChat({ port, host }).catch((error) => {
    throw new Error(listenProblem(error, port), { cause: error });
  });
  console.log(`Landspout chat: ${chat.url}`);
  console.log('  open it in two tabs; Ctrl-C stops it');
  console.log(`  backend: ${backend}, because ${backendReason}`);
  await signal;
  console.log('stopping');
  setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
  await chat.stop();
}

/**
 * Resolves on SIGINT or SIGTERM. Further signals are ignored: Ctrl-C reaches this process twice, from the terminal and
 * from the package runner.
 */
function nextStopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => resolve());
  });
}

function listenProblem(error: unknown, port: number): string {
  switch ((error as { code?: unknown }).code) {
    case 'EADDRINUSE':
      return `port ${port} is in use (EADDRINUSE): stop the program that has it, or choose another port with --port or PORT`;
    case 'EACCES':
      return `port ${port} is not allowed for this user (EACCES): choose one above 1023 with --port or PORT`;
    default:
      return sentence(error);
  }
}

/** Describes an error in one line, with its code unless the message contains it. */
function sentence(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string };
  const [line] = (message ?? String(error)).split('\n');
  return code === undefined || line?.includes(code) ? `${line}` : `${line} (${code})`;
}
