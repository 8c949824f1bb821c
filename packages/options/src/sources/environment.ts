import type { NameTable } from '../definitions/name-table.ts';
import { GivenValues } from './given.ts';

/** The environment, as `process.env` has it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The options of an environment. */
export interface EnvironmentOptions {
  readonly given: GivenValues;
  /** The file that the variable for files names. */
  readonly config: string | undefined;
}

/** Reads the variables that the options have. One that is empty counts as not set. */
export function readEnvironment(env: Environment, names: NameTable): EnvironmentOptions {
  const given = new GivenValues();
  let config: string | undefined;
  for (const [where, variable] of names.variables) {
    const text = env[where];
    if (text === undefined || text === '') continue;
    const origin = { source: 'environment', where } as const;
    if (variable.kind === 'config') config = text;
    else if (variable.kind === 'file') given.add(variable.option, { ...origin, kind: 'path', path: text });
    else given.add(variable.option, { ...origin, kind: 'texts', texts: [text] });
  }
  return { given, config };
}
