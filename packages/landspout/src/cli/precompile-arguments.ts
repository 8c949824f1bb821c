import { shownText } from '@landspout/ioloop/errors';
import { type Argument, type OptionTable, splitArguments, WrongUsage } from './wrong-usage.ts';

export const PRECOMPILE_HELP = `usage: landspout precompile [options] FOLDER

Compiles the Eta templates of a folder to an ES module. Pass what the module exports to the EtaEngine as
its option "templates": it then needs neither the files nor code generation at run time.

  -o, --output FILE          the module, which ends with .js or .mjs; its declarations are written beside it,
                             to a file that ends with .d.ts or .d.mts. Default: prints the module
      --extension EXTENSION  the extension of the templates. Default: .eta
      --function NAME        a function that the engine will get as one of its "functions"; may be repeated
      --plain-text ENDING    values are not escaped in templates whose names end with this, such as .txt.eta;
                             may be repeated
      --whitespace MODE      all, single or oneline. Default: all
  -h, --help

Exit codes:
  0   the module was written
  1   a template is invalid, or the module could not be written; an existing module was not changed
  2   wrong usage
`;

/** The parsed command line of `landspout precompile`. */
export interface PrecompileArguments {
  readonly views: string;
  /** Undefined for standard output. */
  readonly output: string | undefined;
  readonly extension: string | undefined;
  readonly functions: readonly string[];
  readonly plainText: readonly string[];
  readonly whitespace: Whitespace | undefined;
}

type Whitespace = (typeof WHITESPACES)[number];

const WHITESPACES = ['all', 'single', 'oneline'] as const;

const OPTIONS: OptionTable = {
  output: { type: 'string', short: 'o' },
  extension: { type: 'string' },
  function: { type: 'string' },
  'plain-text': { type: 'string' },
  whitespace: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
};

/**
 * Parses the command line of `landspout precompile`.
 *
 * @param args - what follows `precompile`.
 * @returns undefined if help is wanted.
 * @throws WrongUsage
 */
export function parsePrecompileArguments(args: readonly string[]): PrecompileArguments | undefined {
  const given = splitArguments(args, OPTIONS);
  if (given.some((argument) => argument.kind === 'option' && argument.name === 'help')) return undefined;
  const last = (name: string) => allOf(given, name).at(-1);
  return {
    views: folderOf(given),
    output: outputFrom(last('output')),
    extension: last('extension'),
    functions: allOf(given, 'function'),
    plainText: allOf(given, 'plain-text'),
    whitespace: whitespaceFrom(last('whitespace')),
  };
}

function allOf(given: readonly Argument[], name: string): string[] {
  return given.flatMap((argument) => {
    if (argument.kind !== 'option' || argument.name !== name) return [];
    if (argument.value === '') throw new WrongUsage(`--${name} must not be empty`);
    return [argument.value ?? ''];
  });
}

function folderOf(given: readonly Argument[]): string {
  const folders = given.filter((argument) => argument.kind === 'positional');
  const [folder] = folders;
  if (folder === undefined) throw new WrongUsage('the folder of the templates is missing');
  if (folders.length > 1) throw new WrongUsage(`one folder was expected, got ${folders.length} arguments`);
  return folder.value as string;
}

function outputFrom(file: string | undefined): string | undefined {
  if (file === undefined || file === '-') return undefined;
  if (!/\.m?js$/.test(file))
    throw new WrongUsage(`--output must end with .js or .mjs, got ${shownText(file)}`);
  return file;
}

function whitespaceFrom(mode: string | undefined): Whitespace | undefined {
  if (mode === undefined) return undefined;
  const known = WHITESPACES.find((name) => name === mode);
  if (known === undefined) {
    throw new WrongUsage(`--whitespace must be all, single or oneline, got ${shownText(mode)}`);
  }
  return known;
}
