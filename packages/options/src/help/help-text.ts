import type { Option } from '../definitions/option.ts';
import { wrap } from './wrap.ts';

/** What the help says of a program. */
export interface HelpSubject {
  readonly program: string;
  /** What may follow the options, such as `FILE...`; `undefined` for nothing. */
  readonly rest: string | undefined;
  readonly description: string | undefined;
  readonly options: readonly Option[];
  /** The name of the option for files, without dashes; `undefined` if there is none. */
  readonly config: string | undefined;
  /** The environment variable for it. */
  readonly configEnv: string | undefined;
  readonly files: readonly string[];
  readonly hasVersion: boolean;
}

/** The options of a group without a name, and of this package itself. */
const DEFAULT_GROUP = 'Options';
/** The help of an option begins here, or on the line after a longer name. */
const MAX_NAME_COLUMNS = 30;
/** Narrower than this, the columns would hold a word per line. */
const MIN_COLUMNS = 50;
/** Longer lines are hard to read. */
const MAX_COLUMNS = 100;

/** One option in the help. */
interface Entry {
  readonly group: string;
  readonly name: string;
  readonly text: string;
}

/** Formats the help of a program; ends with a line break. @param terminalColumns - the width to wrap to. */
export function helpText(subject: HelpSubject, terminalColumns: number): string {
  const columns = Math.min(MAX_COLUMNS, Math.max(MIN_COLUMNS, terminalColumns));
  const { program, rest, description } = subject;
  const usage = `Usage: ${program} [options]${rest === undefined ? '' : ` ${rest}`}`;
  const blocks = [usage];
  if (description !== undefined) blocks.push(wrap(description, columns).join('\n'));
  const entries = [...subject.options.map(entryOf), ...ownEntries(subject)];
  const widest = Math.max(
    ...entries.map(({ name }) => name.length).filter((length) => length <= MAX_NAME_COLUMNS),
  );
  for (const [group, members] of groupsOf(entries)) {
    const lines = members.flatMap((entry) => entryLines(entry, widest, columns));
    blocks.push([`${group}:`, ...lines].join('\n'));
  }
  return `${blocks.join('\n\n')}\n`;
}

/** In the order in which the groups are first named; that of this package is the last. */
function groupsOf(entries: readonly Entry[]): ReadonlyMap<string, readonly Entry[]> {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) {
    const members = groups.get(entry.group) ?? [];
    members.push(entry);
    groups.set(entry.group, members);
  }
  return groups;
}

function entryLines({ name, text }: Entry, widest: number, columns: number): readonly string[] {
  const indent = ' '.repeat(widest + 4);
  const lines = text === '' ? [] : wrap(text, columns - indent.length);
  if (name.length > widest) return [`  ${name}`, ...lines.map((line) => `${indent}${line}`)];
  const [first = '', ...others] = lines;
  return [`  ${name.padEnd(widest)}  ${first}`.trimEnd(), ...others.map((line) => `${indent}${line}`)];
}

function entryOf(option: Option): Entry {
  const { definition, flag, isFlag, metavar } = option;
  const letter = definition.short === undefined ? '' : `-${definition.short}, `;
  const name = isFlag ? `--[no-]${flag}` : `--${flag}=${metavar}`;
  const parts = [definition.help ?? '', ...factsOf(option)].filter((part) => part !== '');
  return {
    group: definition.group ?? DEFAULT_GROUP,
    name: `${letter}${name}`,
    text: parts.map(asSentence).join(' '),
  };
}

/** What the program has not written itself: the default, and where the value may also be. */
function factsOf(option: Option): readonly string[] {
  const { definition, env, fileEnv, flag, isFlag, isSecret } = option;
  const facts: string[] = [];
  if (definition.required === true) facts.push('Required');
  const value = option.defaultValue();
  const isShown = definition.default !== undefined && !(isFlag && value === false);
  const shown = option.show(value);
  if (isShown && shown !== '') facts.push(`Default: ${shown}`);
  if (isSecret) facts.push(`--${flag}-file=FILE reads it from a file`);
  if (env !== undefined) facts.push(`Environment: ${env}${fileEnv === undefined ? '' : ` or ${fileEnv}`}`);
  return facts;
}

function ownEntries({ config, configEnv, files, hasVersion }: HelpSubject): readonly Entry[] {
  const entries: Entry[] = [];
  const group = DEFAULT_GROUP;
  if (config !== undefined) {
    const read = files.length === 0 ? '' : ` Read before it, if they exist: ${files.join(', ')}.`;
    const variable = configEnv === undefined ? '' : ` Environment: ${configEnv}.`;
    const text = `A JSON file with options; may be repeated, and later files win.${read}${variable}`;
    entries.push({ group, name: `--${config}=FILE`, text });
  }
  if (hasVersion) entries.push({ group, name: '--version', text: 'Prints the version.' });
  entries.push({ group, name: '-h, --help', text: 'Prints this help.' });
  return entries;
}

const asSentence = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`);
