import { rename, rm, writeFile } from 'node:fs/promises';
import { CodedError, printable } from '@landspout/ioloop/errors';
import {
  PRECOMPILE_HELP,
  type PrecompileArguments,
  parsePrecompileArguments,
} from './precompile-arguments.ts';
import { print } from './standard-output.ts';
import { type Command, CommandFailure, EXIT, WrongUsage } from './wrong-usage.ts';

const MAX_LINE_CHARS = 1_000;

/** `landspout precompile`. The files appear when they are complete. */
export const command: Command = {
  help: PRECOMPILE_HELP,
  async run(args) {
    const wanted = parsePrecompileArguments(args);
    if (wanted === undefined) return 'help';
    try {
      await precompile(wanted);
    } catch (error) {
      // An error of the file system has the name of its call.
      if (!(error instanceof CodedError || (error instanceof Error && 'syscall' in error))) throw error;
      const problem = printable(error.message.split('\n')[0] ?? '', MAX_LINE_CHARS);
      throw error instanceof CodedError && error.code === 'ERR_WEB_USAGE'
        ? new WrongUsage(problem)
        : new CommandFailure(problem, { cause: error });
    }
    return EXIT.success;
  },
};

async function precompile(wanted: PrecompileArguments): Promise<void> {
  // Eta is an optional peer, which only this command needs.
  const { PRECOMPILED_TYPES, precompileTemplates } = await import('@landspout/web/eta');
  const { views, output, functions, plainText, extension = '.eta', whitespace = 'all' } = wanted;
  const source = precompileTemplates({ views, functions, plainText, extension, whitespace });
  if (output === undefined) {
    await print(source);
    return;
  }
  await replaceFile(output.replace(/\.(m?)js$/, '.d.$1ts'), PRECOMPILED_TYPES);
  await replaceFile(output, source);
}

/** Writes a file beside the old one, and puts it in its place. */
async function replaceFile(file: string, text: string): Promise<void> {
  const unfinished = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(unfinished, text, { flag: 'wx' });
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}
