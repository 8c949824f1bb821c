#!/usr/bin/env node
// The program `landspout`. The cli/ folder holds its commands, and everything that they print or read.

import { readFileSync } from 'node:fs';
import { shownText } from '@landspout/ioloop/errors';
import { complain, print } from './standard-output.ts';
import { type Command, CommandFailure, EXIT, WrongUsage } from './wrong-usage.ts';

/** A command as the help lists it. */
interface CommandEntry {
  readonly usage: string;
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: Command }>;
}

/** All commands. Each module is loaded when its command is run, so that one command does not pay for another. */
const COMMANDS: ReadonlyMap<string, CommandEntry> = new Map([
  [
    'dev',
    {
      usage: 'dev app.ts',
      summary: 'serves an application, and restarts it when a file changes',
      load: () => import('./dev-command.ts'),
    },
  ],
  [
    'serve',
    {
      usage: 'serve app.js',
      summary: 'serves an application',
      load: () => import('./serve-command.ts'),
    },
  ],
  [
    'routes',
    {
      usage: 'routes app.ts',
      summary: 'prints the routes of an application',
      load: () => import('./routes-command.ts'),
    },
  ],
  [
    'precompile',
    {
      usage: 'precompile FOLDER',
      summary: 'compiles Eta templates to a module',
      load: () => import('./precompile-command.ts'),
    },
  ],
  [
    'fetch',
    {
      usage: 'fetch URL',
      summary: 'fetches a URL',
      load: () => import('./fetch-command.ts'),
    },
  ],
]);

const [name, ...rest] = process.argv.slice(2);
const code = await run(name, rest);
if (code !== undefined) {
  process.exitCode = code;
  // Nothing more is to be written, but standard input that is not read to its end would keep the process alive.
  process.exit();
}

async function run(name: string | undefined, args: readonly string[]): Promise<number | undefined> {
  if (name === '--help' || name === '-h') return await printed(helpText());
  if (name === '--version') return await printed(`${versionOfPackage()}\n`);
  const entry = name === undefined ? undefined : COMMANDS.get(name);
  if (name === undefined || entry === undefined) {
    const problem = name === undefined ? 'the command is missing' : `unknown command ${shownText(name)}`;
    process.stderr.write(`landspout: ${problem}; see landspout --help\n`);
    return EXIT.wrongUsage;
  }
  const { command } = await entry.load();
  return await runCommand(name, command, args);
}

async function runCommand(
  name: string,
  command: Command,
  args: readonly string[],
): Promise<number | undefined> {
  try {
    const result = await command.run(args, import.meta.url);
    return result === 'help' ? await printed(command.help) : result;
  } catch (error) {
    if (error instanceof WrongUsage) {
      complain(name, `${error.message}; see landspout ${name} --help`);
      return EXIT.wrongUsage;
    }
    if (!(error instanceof CommandFailure)) throw error;
    complain(name, error.message);
    return EXIT.failure;
  }
}

async function printed(text: string): Promise<number> {
  await print(text);
  return EXIT.success;
}

function helpText(): string {
  const entries = [...COMMANDS.values()];
  const width = Math.max(...entries.map(({ usage }) => usage.length));
  const lines = entries.map(({ usage, summary }) => `  landspout ${usage.padEnd(width)}   ${summary}\n`);
  const rest = '  landspout --version\n  landspout --help\n';
  return `usage: landspout COMMAND\n\n${lines.join('')}${rest}\nEach command has its own --help.\n`;
}

function versionOfPackage(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
