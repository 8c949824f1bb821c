// The placeholders of messages, as in catalogues of Tornado and of Python: `%(name)s`.

/** A place for a value in a message. */
export interface Placeholder {
  readonly name: string;
  /** `s` for any text, `d` and `i` for whole numbers, `f` for numbers with decimals; '' if it is not one of these. */
  readonly conversion: 's' | 'd' | 'i' | 'f' | '';
  /** The number of decimals of `f`. Default: 6, as in Python. */
  readonly decimals: number;
  /** The placeholder as it stands in the message. */
  readonly source: string;
}

/** Text, a placeholder, or `%%`, which stands for a percent sign where values are filled in. */
export type MessagePart = string | Placeholder | typeof PERCENT;

export const PERCENT: unique symbol = Symbol('%%');

const PLACEHOLDER = /%(?:%|\(([^()]{1,100})\)(?:([sdif])|\.(\d{1,2})f|))/g;
const DEFAULT_DECIMALS = 6;

/** Parsed messages. Translations and the messages of a program are few; made-up ones must not fill the memory. */
const parsed = new Map<string, readonly MessagePart[]>();
const MAX_PARSED = 5_000;
/** A longer text is parsed each time. */
const MAX_KEPT_CHARS = 2_000;

/** Splits a message at its placeholders. */
export function partsOf(message: string): readonly MessagePart[] {
  const known = parsed.get(message);
  if (known !== undefined) return known;
  const parts = split(message);
  if (message.length <= MAX_KEPT_CHARS) {
    if (parsed.size >= MAX_PARSED) parsed.clear();
    parsed.set(message, parts);
  }
  return parts;
}

/** The names of the valid placeholders of a message. */
export function placeholdersOf(message: string): string[] {
  if (!message.includes('%(')) return [];
  return split(message)
    .filter((part) => typeof part === 'object')
    .filter(({ conversion }) => conversion !== '')
    .map(({ name }) => name);
}

function split(message: string): readonly MessagePart[] {
  const parts: MessagePart[] = [];
  let done = 0;
  for (const match of message.matchAll(PLACEHOLDER)) {
    const [source, name, conversion, decimals] = match;
    if (match.index > done) parts.push(message.slice(done, match.index));
    done = match.index + source.length;
    parts.push(name === undefined ? PERCENT : placeholder(source, name, conversion, decimals));
  }
  if (done < message.length) parts.push(message.slice(done));
  return parts;
}

function placeholder(
  source: string,
  name: string,
  conversion: string | undefined,
  decimals: string | undefined,
): Placeholder {
  const letter = (decimals === undefined ? (conversion ?? '') : 'f') as Placeholder['conversion'];
  return { name, conversion: letter, decimals: Number(decimals ?? DEFAULT_DECIMALS), source };
}
