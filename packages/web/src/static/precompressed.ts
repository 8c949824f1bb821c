import Negotiator from 'negotiator';

/** The content coding of a compressed file that may exist beside the plain file. */
export type PrecompressedCoding = 'br' | 'zstd' | 'gzip';

/** The file name suffix of each coding, in order of preference: the coding with the smallest files comes first. */
export const CODING_SUFFIXES: Readonly<Record<PrecompressedCoding, string>> = {
  br: '.br',
  zstd: '.zst',
  gzip: '.gz',
};

export const ALL_CODINGS = Object.keys(CODING_SUFFIXES) as readonly PrecompressedCoding[];

const SUFFIXES = Object.values(CODING_SUFFIXES);

/** Whether the name has the suffix of a compressed file. No compressed variants of such a file are looked for. */
export function isCompressedName(name: string): boolean {
  return SUFFIXES.some((suffix) => name.endsWith(suffix));
}

/** The types of the package negotiator lack the second parameter. */
type Encodings = (
  available: readonly string[],
  options: { readonly preferred: readonly string[] },
) => string[];

/** A longer header is ignored. Browsers send fewer than 30 characters. */
const MAX_ACCEPT_LENGTH = 1_024;

/**
 * Chooses the coding of a response (RFC 9110 §12.5.3). If the client has no preference between several codings, the
 * first one in `available` is chosen; any coding is preferred to none.
 *
 * @param accept - the Accept-Encoding header. If it is missing, no coding is chosen, although all would be allowed.
 * @returns undefined for no coding; even if the client excludes that, because there is no other possible response.
 */
export function chooseCoding(
  accept: string | undefined,
  available: readonly PrecompressedCoding[],
): PrecompressedCoding | undefined {
  if (accept === undefined || accept.length > MAX_ACCEPT_LENGTH || available.length === 0) return undefined;
  const negotiator = new Negotiator({ headers: { 'accept-encoding': accept } });
  const encodings: Encodings = negotiator.encodings.bind(negotiator);
  const [first] = encodings([...available, 'identity'], { preferred: available });
  return first === undefined || first === 'identity' ? undefined : (first as PrecompressedCoding);
}
