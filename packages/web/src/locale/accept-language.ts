/** A longer header is ignored, so that a hostile one costs nothing. Browsers send fewer than 100 characters. */
const MAX_CHARS = 1_024;
/** Further languages are ignored. */
const MAX_LANGUAGES = 32;

const MEMBER = /^\s*([a-z\d*]{1,8}(?:-[a-z\d]{1,8})*)\s*(?:;\s*q\s*=\s*([^\s;]*)\s*)?$/i;
/** RFC 9110 §12.4.2, with any number of decimals. */
const WEIGHT = /^(?:0(?:\.\d*)?|1(?:\.0*)?)$/;

/**
 * Returns the languages that a client accepts, the most wanted first (RFC 9110 §12.5.4). Those of equal weight stay in
 * order. Languages with a weight of zero, and members that are malformed, are left out. `*` stands for any language.
 *
 * @param header - the header `Accept-Language`. Of more than 1,024 characters, it is ignored.
 */
export function acceptedLanguages(header: string | undefined): string[] {
  if (header === undefined || header.length > MAX_CHARS) return [];
  const accepted: { readonly language: string; readonly weight: number }[] = [];
  for (const member of header.split(',').slice(0, MAX_LANGUAGES)) {
    const match = MEMBER.exec(member);
    const [, language, weight = '1'] = match ?? [];
    if (language === undefined || !WEIGHT.test(weight) || Number(weight) === 0) continue;
    accepted.push({ language, weight: Number(weight) });
  }
  return accepted.sort((one, other) => other.weight - one.weight).map(({ language }) => language);
}
