import { shownText } from '@landspout/ioloop/errors';
import type { NameTable } from '../definitions/name-table.ts';
import { GivenValues } from './given.ts';
import { JsonProblem, readJsonDocument } from './json-document.ts';
import { readTextFile, TextFileProblem } from './text-file.ts';

export interface JsonFileOptions {
  /** Whether a file that is not there is ignored. */
  readonly isOptional: boolean;
  readonly maxBytes: number;
}

/** Reads the options of one JSON file. Nothing in it is executed. */
export function readJsonFile(path: string, names: NameTable, options: JsonFileOptions): GivenValues {
  const given = new GivenValues();
  const shown = shownText(path).slice(1, -1);
  const text = readTextFile(path, options.maxBytes);
  if (text instanceof TextFileProblem) {
    if (text.isMissing && options.isOptional) return given;
    given.problem(undefined, shown, `${shown} ${text.message}`, text.cause);
    return given;
  }
  const members = readJsonDocument(text);
  if (members instanceof JsonProblem) {
    const where = `${shown}:${members.line}`;
    given.problem(undefined, where, `${where}: ${members.message}`);
    return given;
  }
  for (const { name, value, line } of members) addMember(given, names, name, value, `${shown}:${line}`);
  return given;
}

function addMember(given: GivenValues, names: NameTable, name: string, value: unknown, where: string): void {
  const thing = names.find(name);
  const shown = shownText(name).slice(1, -1);
  const origin = { source: 'file', where } as const;
  if (thing?.kind === 'file') {
    if (typeof value === 'string') given.add(thing.option, { ...origin, kind: 'path', path: value });
    else given.problem(thing.option.key, where, `${where}: ${shown}: the path of a file was expected`);
  } else if (thing?.kind === 'option') {
    const other = given.values.get(thing.option);
    if (other?.kind !== 'json') given.add(thing.option, { ...origin, kind: 'json', json: value });
    else
      given.problem(
        thing.option.key,
        where,
        `${where}: ${shown} is also at ${other.where}; remove one of them`,
      );
  } else {
    given.problem(undefined, where, `${where}: unknown option "${shown}"${suggestion(names, name)}`);
  }
}

function suggestion(names: NameTable, name: string): string {
  const nearest = names.similar(name);
  const thing = nearest === undefined ? undefined : names.find(nearest);
  return thing?.kind === 'option' ? `: did you mean "${thing.option.key}"?` : '';
}
