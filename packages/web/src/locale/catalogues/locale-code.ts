// The codes of locales: `xx`, `xx_YY` or `xx_Zzzz_YY`, as in Tornado and gettext, and the tags of BCP 47.

/** A valid code and what it means. */
export interface LocaleCode {
  /** With underscores: `de_DE`, `zh_Hant`. */
  readonly code: string;
  /** The BCP 47 tag, for `Intl` and the attribute `lang`: `de-DE`. */
  readonly tag: string;
  /** In lower case. */
  readonly language: string;
  /** The script, if the code names one: `Hant`. */
  readonly script: string | undefined;
  readonly region: string | undefined;
  /** The script in which the language is written there. */
  readonly likelyScript: string | undefined;
}

/** A tag of BCP 47 rarely has more than 20 characters. */
const MAX_CHARS = 40;

const CODE = /^([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|\d{3}))?$/i;
/** The same, with more subtags at the end, which browsers may send, such as `de-DE-1996`. */
const PREFIX = /^([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|\d{3}))?(?:[-_][a-z\d]{1,8})*$/i;
/** POSIX: `de_DE.UTF-8`, `sr_RS@latin`. */
const POSIX_SUFFIX = /^([^.@]*)(?:\.[\w-]*)?(?:@(\w+))?$/;
const POSIX_SCRIPTS: Readonly<Record<string, string>> = { latin: 'Latn', cyrillic: 'Cyrl' };

/** Codes of Tornado's list whose regions are not those of ISO 3166: `LA` is Laos, and `AR` Argentina. */
const TORNADO_TAGS: Readonly<Record<string, string>> = { ar_AR: 'ar', es_LA: 'es-419' };

/** Parses a code, with `-` or `_` and in any case. @returns undefined if it is not valid. */
export function parseLocaleCode(text: string): LocaleCode | undefined {
  if (text.length > MAX_CHARS) return undefined;
  const [, plain = text, modifier = ''] = POSIX_SUFFIX.exec(text) ?? [];
  return localeCode(CODE.exec(plain), POSIX_SCRIPTS[modifier.toLowerCase()]);
}

/** Like {@link parseLocaleCode}, for a tag that a client sent: further subtags are ignored. */
export function parseLanguageTag(text: string): LocaleCode | undefined {
  return text.length > MAX_CHARS ? undefined : localeCode(PREFIX.exec(text), undefined);
}

function localeCode(match: RegExpExecArray | null, modifier: string | undefined): LocaleCode | undefined {
  if (match === null) return undefined;
  const language = (match[1] as string).toLowerCase();
  const script = modifier ?? capitalized(match[2]);
  const region = match[3]?.toUpperCase();
  const code = [language, script, region].filter((part) => part !== undefined).join('_');
  const tag = TORNADO_TAGS[code] ?? code.replaceAll('_', '-');
  try {
    const locale = new Intl.Locale(tag);
    return { code, tag: locale.toString(), language, script, region, likelyScript: locale.maximize().script };
  } catch {
    return undefined;
  }
}

function capitalized(text: string | undefined): string | undefined {
  return text === undefined ? undefined : text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase();
}
