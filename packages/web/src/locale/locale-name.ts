import type { LocaleCode } from './catalogues/locale-code.ts';

/** Languages whose variants have names of their own, although they are written in the same script. */
const WITH_REGION: ReadonlySet<string> = new Set(['en', 'es', 'pt']);

/** Scripts that are written from right to left (Unicode Character Database), as far as languages of today use them. */
const RTL_SCRIPTS: ReadonlySet<string> = new Set([
  'Adlm',
  'Arab',
  'Hebr',
  'Mand',
  'Mend',
  'Nkoo',
  'Rohg',
  'Samr',
  'Syrc',
  'Thaa',
  'Yezi',
]);

/**
 * Returns the name of a language for a list of languages, such as `Deutsch`, `Português (Brasil)` or `繁體中文`. The
 * region is named only if readers tell it apart; the code is returned if `Intl` does not know the language.
 *
 * @param displayTag - the BCP 47 tag of the language of the name.
 */
export function languageName(locale: LocaleCode, displayTag: string): string {
  const options = { type: 'language', style: 'short', fallback: 'none' } as const;
  const name = new Intl.DisplayNames([displayTag], {
    ...options,
    languageDisplay: languageDisplay(locale),
  }).of(namedTag(locale));
  if (name === undefined) return locale.code;
  // Many languages write their names in lower case, which looks wrong in a list.
  const [first = ''] = name;
  return first.toLocaleUpperCase(displayTag) + name.slice(first.length);
}

function languageDisplay({ language }: LocaleCode): 'standard' | 'dialect' {
  return language === 'zh' ? 'dialect' : 'standard';
}

/** The tag with only those parts that the name should mention. */
function namedTag({ language, tag, likelyScript }: LocaleCode): string {
  const { region } = new Intl.Locale(tag);
  if (language === 'zh' && likelyScript !== undefined) {
    const isUsual = region === undefined || region === (likelyScript === 'Hans' ? 'CN' : 'TW');
    return `zh-${likelyScript}${isUsual ? '' : `-${region}`}`;
  }
  return WITH_REGION.has(language) ? tag : new Intl.Locale(tag).minimize().toString();
}

/** Whether a script is written from right to left. */
export function isRightToLeft(script: string | undefined): boolean {
  return script !== undefined && RTL_SCRIPTS.has(script);
}
