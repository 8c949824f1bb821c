// The types of definitions, and of the values that follow from them. Nothing here exists at run time.

/** The types of options, and the type of the value that each becomes. */
export interface OptionTypes {
  /** Any text. */
  string: string;
  /** A whole number. */
  integer: number;
  /** A finite number. */
  number: number;
  /** `--name`, `--no-name` or `--name=false`. */
  boolean: boolean;
  /** A date, with or without a time: `2026-07-31`, `2026-07-31T12:00Z`. */
  date: Date;
  /** Milliseconds, written with units: `1h 30m`, `500ms`. */
  duration: number;
  /** Bytes, written with units: `10MiB`, `1.5GB`. */
  size: number;
  /** An absolute URL. */
  url: URL;
}

export type OptionType = keyof OptionTypes;

/** What a definition may have as a default: a value, or its text if that is easier to read. */
interface WrittenTypes extends Omit<OptionTypes, 'date' | 'duration' | 'size' | 'url'> {
  date: Date | string;
  duration: number | string;
  size: number | string;
  url: URL | string;
}

/** The units of durations: milliseconds, seconds, minutes, hours, days and weeks. */
export type DurationUnit = 'ms' | 's' | 'm' | 'h' | 'd' | 'w';

/** The fields that only options of one type have. */
interface TypeFields {
  string: {
    /** The values that are accepted. The option's type is their union. */
    readonly choices?: readonly string[];
    /** What the value has to match. Use `^` and `$` for the whole value. */
    readonly pattern?: RegExp;
  };
  integer: NumberFields;
  number: NumberFields;
  boolean: object;
  date: {
    /** Whether a date without a time zone is in UTC. Default: false, the time zone of the process. */
    readonly utc?: boolean;
  };
  duration: {
    /** The smallest value: milliseconds, or text such as `1s`. Default: 0. */
    readonly min?: number | string;
    /** The largest value. Default: 2^53 - 1 ms. Timers of Node accept at most 2,147,483,647 ms. */
    readonly max?: number | string;
    /** The unit of a number without one. Default: such a number is refused. */
    readonly unit?: DurationUnit;
  };
  size: {
    /** The smallest value: bytes, or text such as `1KiB`. Default: 0. */
    readonly min?: number | string;
    /** The largest value. Default: 2^53 - 1 bytes. */
    readonly max?: number | string;
  };
  url: {
    /** The schemes that are accepted, such as `['https:']`. Default: all. */
    readonly protocols?: readonly string[];
  };
}

interface NumberFields {
  /** The values that are accepted. The option's type is their union. */
  readonly choices?: readonly number[];
  /** The smallest value. Default: no limit. */
  readonly min?: number;
  /** The largest value. Default: no limit. */
  readonly max?: number;
}

/** The fields of every definition. */
interface CommonFields<Value> {
  /** What the option is for, in the help. */
  readonly help?: string;
  /** What stands for the value in the help, such as `FILE`. Default: depends on the type. */
  readonly metavar?: string;
  /** The heading in the help. Default: `Options`. */
  readonly group?: string;
  /** One letter for the command line: `p` for `-p 8888`. */
  readonly short?: string;
  /**
   * The environment variable, or `false` for none. Default: with `envPrefix`, the prefix and the name in capitals;
   * otherwise none.
   */
  readonly env?: string | false;
  /** Whether a value has to be given. Cannot be combined with `default`. */
  readonly required?: boolean;
  /**
   * Whether the value is masked in the help, in errors, in `console.log`, in JSON and in `explain`. It may also be in
   * a file, named by `--name-file` or by the variable with `_FILE` appended. Default: false.
   */
  readonly secret?: boolean;
  /**
   * Checks a value that is otherwise valid; for a list, each item.
   *
   * @returns what is wrong, such as `must be even`; `undefined` if nothing is. An error that it throws is reported with
   *   its message.
   */
  validate?(value: Value): string | undefined;
}

interface SingleFields<Value, Written> {
  readonly multiple?: false;
  /** The value if none is given: of the option's type, or its text. */
  readonly default?: Written;
  /** Called after a successful parse, unless the option has no value. */
  onParsed?(value: Value): void;
}

interface ListFields<Value, Written> {
  /**
   * Whether the value is a list: `a,b`, or the option is repeated. For integers, `1:3` stands for 1, 2, 3. `\,` is a
   * comma inside an item.
   */
  readonly multiple: true;
  /** The list if none is given. Default: an empty list. */
  readonly default?: readonly Written[];
  /** Maximum number of items. Default: 1,000. */
  readonly maxItems?: number;
  /** Called after a successful parse. */
  onParsed?(values: readonly Value[]): void;
}

type DefinitionOf<Type extends OptionType> = CommonFields<OptionTypes[Type]> &
  TypeFields[Type] & { readonly type: Type } & (
    | SingleFields<OptionTypes[Type], WrittenTypes[Type]>
    | ListFields<OptionTypes[Type], WrittenTypes[Type]>
  );

/** The definition of one option. */
export type OptionDefinition = { [Type in OptionType]: DefinitionOf<Type> }[OptionType];

/**
 * The definitions of a program by the names of their options in the program, such as `maxBodySize`, which is
 * `--max-body-size` on the command line.
 */
export type OptionDefinitions = Readonly<Record<string, OptionDefinition>>;

type NamesOf<Union> = Union extends unknown ? keyof Union : never;

/** Makes the compiler refuse fields that the type of an option does not have. */
export type CheckedDefinitions<Definitions> = {
  readonly [Name in keyof Definitions]: Definitions[Name] extends { readonly type: infer Type }
    ? {
        readonly [Field in keyof Definitions[Name]]: Field extends NamesOf<
          Extract<OptionDefinition, { readonly type: Type }>
        >
          ? unknown
          : never;
      }
    : unknown;
};

type ItemOf<Definition> = Definition extends { readonly choices: readonly (infer Choice)[] }
  ? Choice
  : Definition extends { readonly type: infer Type extends OptionType }
    ? OptionTypes[Type]
    : never;

/** The type of an option's value. Without `default` or `required`, it may be `undefined`; a flag is then `false`. */
export type OptionValue<Definition> = Definition extends { readonly multiple: true }
  ? readonly ItemOf<Definition>[]
  : Definition extends
        | { readonly type: 'boolean' }
        | { readonly default: NonNullable<unknown> }
        | { readonly required: true }
    ? ItemOf<Definition>
    : ItemOf<Definition> | undefined;

/** The values of all options. The object and its lists are frozen. */
export type OptionValues<Definitions> = {
  readonly [Name in keyof Definitions]: OptionValue<Definitions[Name]>;
};

/** The values of the options of one group. */
export type OptionGroup<Definitions, Group extends string> = {
  readonly [Name in keyof Definitions as Definitions[Name] extends { readonly group: Group }
    ? Name
    : never]: OptionValue<Definitions[Name]>;
};

/** A definition as the code of this package reads it, whatever its type. */
export interface AnyDefinition {
  readonly type: OptionType;
  readonly help?: string;
  readonly metavar?: string;
  readonly group?: string;
  readonly short?: string;
  readonly env?: string | false;
  readonly required?: boolean;
  readonly secret?: boolean;
  readonly multiple?: boolean;
  readonly default?: unknown;
  readonly maxItems?: number;
  readonly choices?: readonly (string | number)[];
  readonly pattern?: RegExp;
  readonly min?: number | string;
  readonly max?: number | string;
  readonly unit?: DurationUnit;
  readonly utc?: boolean;
  readonly protocols?: readonly string[];
  validate?(value: unknown): unknown;
  onParsed?(value: unknown): void;
}
