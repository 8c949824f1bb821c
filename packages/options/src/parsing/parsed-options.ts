import { INSPECT, inspection, maskedUrl } from '@landspout/ioloop/inspection';
import { MASK, type Option } from '../definitions/option.ts';
import type { OptionGroup, OptionValues } from '../option-types.ts';
import type { OptionSource } from '../sources/given.ts';
import type { Resolved } from './resolve.ts';

/** One option, its value as text, and where the value is from. */
export interface ExplainedOption {
  /** The name in the program. */
  readonly name: string;
  /** As the command line would have it; masked if it is secret; empty if there is none. */
  readonly value: string;
  readonly source: OptionSource;
  /** Such as `--port`, `PORT` or `app.json:3`; empty for a default. */
  readonly where: string;
}

/** The result of parsing: the values of all options, the other arguments, and where each value is from. */
export class ParsedOptions<Definitions> {
  /** Frozen, and of the types that follow from the definitions. Secrets are masked in `console.log` and in JSON. */
  readonly values: OptionValues<Definitions>;
  /** The arguments after the first that is not an option, or after `--`. */
  readonly rest: readonly string[];
  readonly #resolved: ReadonlyMap<Option, Resolved>;

  constructor(resolved: ReadonlyMap<Option, Resolved>, rest: readonly string[]) {
    this.values = valuesOf(resolved) as OptionValues<Definitions>;
    this.rest = rest;
    this.#resolved = resolved;
  }

  /** Says for each option which value it has and where that is from. Secrets are masked. */
  explain(): readonly ExplainedOption[] {
    return [...this.#resolved].map(
      ([
        option,
        {
          value,
          origin: { source, where },
        },
      ]) => {
        return { name: option.key, value: option.show(value), source, where };
      },
    );
  }

  /** Formats {@link explain} as one line for each option, for a log or a terminal. */
  explainText(): string {
    const rows = this.explain().map(({ name, value, source, where }) => {
      const origin = where === '' ? source : `${source} (${where})`;
      return [name, value === '' ? '(none)' : value, origin] as const;
    });
    const widthOf = (column: 0 | 1): number =>
      Math.max(0, ...rows.map((row) => Math.min(row[column].length, MAX_WIDTH)));
    const [names, values] = [widthOf(0), widthOf(1)];
    return rows
      .map(([name, value, origin]) => `${name.padEnd(names)}  ${value.padEnd(values)}  ${origin}\n`)
      .join('');
  }

  /** Returns the values of the options whose definitions have this group, such as settings for an `Application`. */
  group<Group extends string>(group: Group): OptionGroup<Definitions, Group> {
    const members = [...this.#resolved].filter(([{ definition }]) => definition.group === group);
    return valuesOf(new Map(members)) as OptionGroup<Definitions, Group>;
  }

  [INSPECT](): object {
    return inspection(this, ['values', 'rest']);
  }
}

/** Columns of names and values are not padded further. */
const MAX_WIDTH = 40;

/** A plain frozen object. What `console.log` and `JSON.stringify` show of it has no secrets. */
function valuesOf(resolved: ReadonlyMap<Option, Resolved>): object {
  const values: Record<string, unknown> = {};
  const shown: Record<string, unknown> = {};
  for (const [option, { value }] of resolved) {
    values[option.key] = value;
    shown[option.key] = withoutSecrets(option, value);
  }
  // Not enumerable: the object is equal to, and spread like, one without them.
  Object.defineProperties(values, {
    [INSPECT]: { value: () => shown },
    toJSON: { value: () => shown },
  });
  return Object.freeze(values);
}

function withoutSecrets({ isSecret, isList, definition }: Option, value: unknown): unknown {
  if (value === undefined) return undefined;
  if (isSecret) return MASK;
  if (definition.type !== 'url') return value;
  const masked = (url: unknown): string => maskedUrl((url as URL).href);
  return isList ? (value as readonly unknown[]).map(masked) : masked(value);
}
