import { IOLoop } from 'landspout';
import { ArgumentError, type Command, parseCommand, USAGE } from './arguments.ts';
import { runFetch } from './programs/fetch.ts';
import { runSelector } from './programs/selector.ts';
import { type DemoOptions, startDemo } from './site/demo-server.ts';
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
      return runChat(command);
    case 'selector':
      return command.url === undefined ? withGreeter(runSelector) : runSelector(command.url);
    case 'fetch':
      return command.url === undefined ? withGreeter(runFetch) : runFetch(command.url);
  }
}

async function runChat(options: DemoOptions): Promise<void> {
  const signal = nextStopSignal();
  const { backend, backendReason } = IOLoop.current();
  const demo = await startDemo(options).catch((error) => {
    throw new Error(startProblem(error, options), { cause: error });
  });
  console.log(`Landspout chat: ${demo.chat}`);
  console.log(`Landspout AI response: ${demo.response}`);
  console.log('  open each in two tabs; Ctrl-C stops the server, and after a new start both go on');
  console.log(`  kept in ${demo.data} (--data FOLDER: elsewhere)`);
  console.log(`  backend: ${backend}, because ${backendReason}`);
  await signal;
  console.log('stopping');
  setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
  await demo.stop();
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

function startProblem(error: unknown, { port }: DemoOptions): string {
  switch ((error as { code?: unknown }).code) {
    case 'EADDRINUSE':
      return `port ${port} is in use (EADDRINUSE): stop the program that has it, or choose another port with --port or PORT`;
    case 'EACCES':
      return `port ${port} is not allowed for this user (EACCES): choose one above 1023 with --port or PORT`;
    case 'ERR_TOPICS_JOURNAL_IN_USE':
      return `another demo keeps its messages in the same folder (ERR_TOPICS_JOURNAL_IN_USE): stop it, or choose another folder with --data or another port with --port`;
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
