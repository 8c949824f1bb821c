import Negotiator from 'negotiator';

/** A content coding in which a file may exist beside the plain file. */
export type PrecompressedCoding = 'br' | 'zstd' | 'gzip';

/** How the name of a file in that coding ends. The order is that of preference: the smallest files first. */
export const CODING_SUFFIXES: Readonly<Record<PrecompressedCoding, string>> = {
  br: '.br',
  zstd: '.zst',
  gzip: '.gz',
};

export const ALL_CODINGS = Object.keys(CODING_SUFFIXES) as readonly PrecompressedCoding[];

const SUFFIXES = Object.values(CODING_SUFFIXES);

/** Whether the name is that of a compressed file, which has no compressed files beside it. */
export function isCompressedName(name: string): boolean {
  return SUFFIXES.some((suffix) => name.endsWith(suffix));
}

/** The second argument is missing in the types of negotiator. */
type Encodings = (
  available: readonly string[],
  options: { readonly preferred: readonly string[] },
) => string[];

/** A longer header is ignored. Browsers send less than 30 characters. */
const MAX_ACCEPT_LENGTH = 1_024;

/**
 * Chooses the coding of a response (RFC 9110 §12.5.3). Among those that the client likes equally, the first of
 * `available` wins, and any of them wins over no coding.
 *
 * @param accept - the Accept-Encoding header. Without one, no coding is chosen, although all are allowed.
 * @returns undefined for no coding, even if the client excludes it: no other response is possible then.
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
