/** What a {@link Catalogue} is asked for. */
export interface MessageLookup {
  /** The message in the language of the program; for a plural, its singular. */
  readonly message: string;
  /** The message for counts other than one; undefined if the message has no plural. */
  readonly plural: string | undefined;
  /** The count that selects the form of a plural. Finite; meaningless without {@link plural}. */
  readonly count: number;
  /** Tells apart messages that are the same in the language of the program, such as "May" the month and the verb. */
  readonly context: string | undefined;
}

/**
 * The translations into one language. `Locales` makes those of files and objects; a program may implement others.
 */
export interface Catalogue {
  /** Returns the translation, with its placeholders; undefined if there is none. Must be fast, and must not throw. */
  find(lookup: MessageLookup): string | undefined;
}

/** Separates context and message in the keys of gettext and of objects: the character EOT. */
export const CONTEXT_SEPARATOR = '\u0004';
