/**
 * The media types whose bodies are compressed by default. Images, audio, video, archives and WOFF fonts are compressed
 * already. `text/*` does not include `text/event-stream`, see {@link CompressibleTypes}.
 */
export const DEFAULT_COMPRESSED_TYPES: readonly string[] = Object.freeze([
  'text/*',
  '+json',
  '+xml',
  '+text',
  '+yaml',
  'application/json',
  'application/javascript',
  'application/x-javascript',
  'application/ecmascript',
  'application/xml',
  'application/xml-dtd',
  'application/yaml',
  'application/toml',
  'application/graphql',
  'application/sql',
  'application/rtf',
  'application/wasm',
  'application/x-ndjson',
  'application/x-sh',
  'application/postscript',
  'application/vnd.ms-fontobject',
  'font/ttf',
  'font/otf',
  'font/collection',
  'font/sfnt',
  'image/bmp',
  'image/vnd.microsoft.icon',
  'image/x-icon',
]);

/**
 * `text/*`, `+json` or `application/json` (RFC 6838 §4.2, RFC 9110 §8.3.1). Used on a text in lower case, whose length
 * is limited.
 */
const TYPE = /^(?:[-!#$&^_.+a-z0-9]+\/(?:\*|[-!#$&^_.+a-z0-9]+)|\+[-.a-z0-9]+)$/;
const MAX_TYPE_LENGTH = 127 * 2 + 1;

/** A response of this type is a stream of small events. To compress each costs time and saves little. */
const EVENT_STREAM = 'text/event-stream';

/** How many results are remembered. A program usually has fewer than ten types. */
const MAX_REMEMBERED = 64;
const MAX_REMEMBERED_LENGTH = 128;

/** Whether `text` is a valid member of the option `types`. */
export function isTypePattern(text: unknown): text is string {
  return typeof text === 'string' && text.length <= MAX_TYPE_LENGTH && TYPE.test(text.toLowerCase());
}

/**
 * A set of media types: `application/json`, all of a type (`text/*`), or all with a suffix (`+json`). `text/event-stream`
 * is in the set only if it is listed itself.
 */
export class CompressibleTypes {
  readonly #names = new Set<string>();
  /** Such as `text`. */
  readonly #wholeTypes = new Set<string>();
  /** Such as `json`. */
  readonly #suffixes = new Set<string>();
  /** By the value of Content-Type. */
  readonly #remembered = new Map<string, boolean>();

  /** @param patterns - each valid, see {@link isTypePattern}. */
  constructor(patterns: readonly string[]) {
    for (const pattern of patterns) {
      const name = pattern.toLowerCase();
      if (name.startsWith('+')) this.#suffixes.add(name.slice(1));
      else if (name.endsWith('/*')) this.#wholeTypes.add(name.slice(0, -2));
      else this.#names.add(name);
    }
  }

  /** @param contentType - the value of Content-Type, with or without parameters. */
  has(contentType: string): boolean {
    const known = this.#remembered.get(contentType);
    if (known !== undefined) return known;
    const found = this.#find(essenceOf(contentType));
    // A program may make types from what clients send.
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    if (contentType.length <= MAX_REMEMBERED_LENGTH) this.#remembered.set(contentType, found);
    return found;
  }

  #find(name: string): boolean {
    if (this.#names.has(name)) return true;
    if (name === EVENT_STREAM) return false;
    const slash = name.indexOf('/');
    if (slash === -1) return false;
    if (this.#wholeTypes.has(name.slice(0, slash))) return true;
    const plus = name.lastIndexOf('+');
    return plus > slash && this.#suffixes.has(name.slice(plus + 1));
  }
}

/** The type and subtype in lower case, without parameters. */
function essenceOf(contentType: string): string {
  const semicolon = contentType.indexOf(';');
  return (semicolon === -1 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
}
