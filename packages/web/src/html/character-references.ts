// Character references in the literal text of a template (HTML, "character reference state").

/** The named references that a URL may contain. Others are letters and signs that can be written as they are. */
const NAMED: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['AMP', '&'],
  ['lt', '<'],
  ['LT', '<'],
  ['gt', '>'],
  ['GT', '>'],
  ['quot', '"'],
  ['QUOT', '"'],
  ['apos', "'"],
  ['colon', ':'],
  ['comma', ','],
  ['equals', '='],
  ['num', '#'],
  ['period', '.'],
  ['plus', '+'],
  ['quest', '?'],
  ['semi', ';'],
  ['sol', '/'],
  ['Tab', '\t'],
  ['NewLine', '\n'],
  ['nbsp', '\u00a0'],
]);

const REFERENCE = /&(?:#(\d+);?|#[xX]([0-9a-fA-F]+);?|([A-Za-z][A-Za-z0-9]*);)/g;

/**
 * Returns text with its character references replaced, as a browser would. A name without a semicolon stays as it is:
 * browsers know some of these, but none that is a character of a URL's scheme.
 *
 * @returns the text; or the first reference whose meaning is not known here.
 */
export function decodeReferences(text: string): { readonly text: string; readonly unknown?: string } {
  if (!text.includes('&')) return { text };
  let unknown: string | undefined;
  const decoded = text.replace(
    REFERENCE,
    (reference, decimal: string | undefined, hex: string | undefined, name: string | undefined) => {
      const char = name === undefined ? charOf(decimal, hex) : NAMED.get(name);
      if (char === undefined) unknown ??= reference;
      return char ?? reference;
    },
  );
  return unknown === undefined ? { text: decoded } : { text: decoded, unknown };
}

function charOf(decimal: string | undefined, hex: string | undefined): string | undefined {
  const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number.parseInt(decimal, 10);
  // From U+0080 to U+009F a reference means a character of Windows-1252; NUL and surrogates mean U+FFFD.
  if (code === 0 || (code >= 0x80 && code <= 0x9f) || (code >= 0xd800 && code <= 0xdfff)) return undefined;
  return code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
}

/** Names that need no semicolon (HTML, "named character references"). */
const WITHOUT_SEMICOLON = new RegExp(
  `^(?:${(
    'AElig AMP Aacute Acirc Agrave Aring Atilde Auml COPY Ccedil ETH Eacute Ecirc Egrave Euml GT Iacute Icirc ' +
      'Igrave Iuml LT Ntilde Oacute Ocirc Ograve Oslash Otilde Ouml QUOT REG THORN Uacute Ucirc Ugrave Uuml Yacute ' +
      'aacute acirc acute aelig agrave amp aring atilde auml brvbar ccedil cedil cent copy curren deg divide eacute ' +
      'ecirc egrave eth euml frac12 frac14 frac34 gt iacute icirc iexcl igrave iquest iuml laquo lt macr micro ' +
      'middot nbsp not ntilde oacute ocirc ograve ordf ordm oslash otilde ouml para plusmn pound quot raquo reg ' +
      'sect shy sup1 sup2 sup3 szlig thorn times uacute ucirc ugrave uml uuml yacute yen yuml'
  ).replaceAll(' ', '|')})`,
);

/** The start of a reference at the end of a text: what follows could complete it. */
const OPEN_REFERENCE = /&(#(?:\d*|[xX][0-9a-fA-F]*)|[A-Za-z][A-Za-z0-9]*)?$/;

/**
 * Returns literal text whose meaning the value after it cannot change: an `&` that starts no reference is written as
 * `&amp;`, and a numeric reference is completed by a semicolon. Otherwise `href="&#${'106;avascript:…'}"` would be a
 * script.
 *
 * @returns the text; or the reference whose meaning depends on what follows, such as `&copy`.
 */
export function closeReference(text: string): { readonly text: string; readonly ambiguous?: string } {
  const open = OPEN_REFERENCE.exec(text);
  if (open === null) return { text };
  const [reference, body = ''] = open;
  if (/^#(?:\d|[xX][0-9a-fA-F])/.test(body)) return { text: `${text};` };
  if (WITHOUT_SEMICOLON.test(body)) return { text, ambiguous: reference };
  return { text: `${text.slice(0, open.index)}&amp;${body}` };
}
