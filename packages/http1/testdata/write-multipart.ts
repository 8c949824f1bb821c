import { Buffer } from 'node:buffer';

/** A part to write: text and file are told apart by `filename`, as by readers. */
export interface PartToWrite {
  readonly name: string;
  readonly filename?: string | undefined;
  readonly contentType?: string | undefined;
  readonly body: Buffer;
}

/** Whether a name survives: `%22`, `%0D` and `%0A` cannot be told from what browsers write for other characters. */
export function isWritable(name: string): boolean {
  return !/%22|%0D|%0A/.test(name);
}

/**
 * Writes a `multipart/form-data` body (RFC 7578). Quotation marks and backslashes of names are escaped by backslashes,
 * and line breaks as browsers do it.
 */
export function writeMultipart(parts: readonly PartToWrite[], boundary: string): Buffer {
  const pieces = parts.flatMap(({ name, filename, contentType, body }) => {
    const file = filename === undefined ? '' : `; filename="${escaped(filename)}"`;
    const type = contentType === undefined ? '' : `Content-Type: ${contentType}\r\n`;
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${escaped(name)}"${file}\r\n${type}\r\n`;
    return [Buffer.from(head), body, Buffer.from('\r\n')];
  });
  return Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]);
}

function escaped(name: string): string {
  return name
    .replaceAll(/["\\]/g, (character) => `\\${character}`)
    .replaceAll('\r', '%0D')
    .replaceAll('\n', '%0A');
}
