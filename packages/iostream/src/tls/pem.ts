export type Pem = string | Buffer;

/** One block of a PEM text. */
export interface PemBlock {
  /** The complete block, with its first and last line. */
  readonly text: string;
  readonly base64: string;
}

/** A block without headers, and its label (RFC 7468 §2). */
const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,64})-----([^-]*)-----END \1-----/g;

/**
 * Returns the blocks of PEM texts, such as a certificate and its intermediates.
 *
 * @param label - how the label ends: older programs write a word before `CERTIFICATE`.
 */
export function pemBlocks(pem: Pem | readonly Pem[], label: string): PemBlock[] {
  return [pem]
    .flat()
    .flatMap((each) =>
      [...each.toString().matchAll(BLOCK)]
        .filter(([, found]) => found?.endsWith(label))
        .map(([text, , base64 = '']) => ({ text, base64 })),
    );
}
