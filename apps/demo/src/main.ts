import { IOLoop, taskId } from 'landspout';
import { notifySystemd, startSystemdWatchdog } from 'landspout/ioloop';
import { ArgumentError, type Command, parseCommand, USAGE } from './arguments.ts';
import { runFetch } from './programs/fetch.ts';
import { runSelector } from './programs/selector.ts';
import { Countdown } from './site/countdown.ts';
import { type DataFolder, openDataFolder } from './site/data-folder.ts';
import { type DemoOptions, DRAIN_MS, hasParent, processCount } from './site/demo-options.ts';
import { startDemo } from './site/demo-server.ts';
import { type DemoPlace, superviseDemo } from './site/supervision.ts';
import { withGreeter } from './with-greeter.ts';

/** Longer than an orderly stop takes; what is still open then ends with the process. */
const STOP_LIMIT_MS = DRAIN_MS + 5_000;
/** A person does not press Ctrl-C twice in this time. */
const SAME_SIGNAL_MS = 300;

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
  const folder = await openDataFolder(options);
  process.on('exit', () => folder.dispose());
  const problem = (error: unknown) => new Error(startProblem(error, options), { cause: error });
  if (!hasParent(options)) return runAlone(options, folder, problem);
  const running =
    taskId() === undefined
      ? superviseDemo(options, folder, (place) => print(place, options, folder))
      : startDemo(options, folder);
  await running.catch((error) => {
    throw problem(error);
  });
}

async function runAlone(
  options: DemoOptions,
  folder: DataFolder,
  problem: (error: unknown) => Error,
): Promise<void> {
  const signal = nextStopSignal();
  const demo = await startDemo(options, folder).catch((error) => {
    throw problem(error);
  });
  const { backend, backendReason } = IOLoop.current();
  print({ url: demo.url, backend, reason: backendReason }, options, folder);
  await notifySystemd({ ready: true, status: demo.url });
  startSystemdWatchdog();
  await signal;
  setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
  const countdown = new Countdown({ drainMs: DRAIN_MS, count: () => demo.connections });
  process.on('exit', () => countdown.end());
  await Promise.all([demo.stop(), notifySystemd({ stopping: true })]);
}

function print({ url, backend, reason }: DemoPlace, options: DemoOptions, folder: DataFolder): void {
  const { redis } = options;
  console.log(`Landspout chat: ${url}/`);
  console.log(`Landspout AI response: ${url}/response`);
  console.log('  open each in two tabs; Ctrl-C stops the server, and after a new start both go on');
  if (hasParent(options))
    console.log(`  ${processCount(options)} processes, started by process ${process.pid}; pages show theirs`);
  if (redis === undefined) console.log(`  kept in ${folder.path} (--data FOLDER: elsewhere)`);
  else
    console.log(`  kept in Redis at ${redis.host}; demos on other ports with the same Redis share the rooms`);
  console.log(`  backend: ${backend}, because ${reason}`);
}

/**
 * Resolves on SIGINT or SIGTERM. A second one stops at once, unless it comes with the first: some package runners pass on
 * the Ctrl-C that the terminal has sent to this process already.
 */
function nextStopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    const heard = () => {
      firstAt ??= performance.now();
      if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(0);
      resolve();
    };
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, heard);
  });
}

function startProblem(error: unknown, { port, redis }: DemoOptions): string {
  switch ((error as { code?: unknown }).code) {
    case 'EADDRINUSE':
      return `port ${port} is in use (EADDRINUSE): stop the program that has it, or choose another port with --port or PORT`;
    case 'EACCES':
      return `port ${port} is not allowed for this user (EACCES): choose one above 1023 with --port or PORT`;
    case 'ERR_TOPICS_JOURNAL_IN_USE':
      return `another demo keeps its messages in the same folder (ERR_TOPICS_JOURNAL_IN_USE): stop it, or choose another folder with --data or another port with --port`;
    case 'ERR_TOPICS_REDIS_CONNECT':
      return `Redis at ${redis?.host} cannot be used (ERR_TOPICS_REDIS_CONNECT): ${reasonOf(error)}; start it, or correct --redis or REDIS_URL`;
    default:
      return sentence(error);
  }
}

/** The innermost message: what the system or the other side said. */
function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  return cause === undefined ? sentence(error) : reasonOf(cause);
}

/** Describes an error in one line, with its code unless the message contains it. */
function sentence(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string };
  const [line] = (message ?? String(error)).split('\n');
  return code === undefined || line?.includes(code) ? `${line}` : `${line} (${code})`;
}
