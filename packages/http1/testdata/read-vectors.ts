import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';

/** One vector: bytes from a peer, and the log of the events that they make. */
export interface Vector {
  readonly name: string;
  readonly wire: Buffer;
  readonly events: readonly string[];
  /** Words of the block's info line, such as `expect=HEAD` or `maxHeadBytes=40`. */
  readonly options: ReadonlyMap<string, string>;
}

/** The files of this folder that have vectors, by what decodes them. */
export const VECTOR_FILES = {
  requests: [
    'requests.md',
    'request-targets.md',
    'request-bodies.md',
    'request-limits.md',
    'refused-requests.md',
    'refused-bodies.md',
  ],
  responses: ['responses.md', 'response-bodies.md', 'refused-responses.md'],
  multipart: ['multipart.md', 'refused-multipart.md'],
} as const;

/**
 * Reads vectors from Markdown: a heading names one, a `wire` block has its bytes, an `events` block its log. In a
 * wire block line ends mean nothing; `\r`, `\n`, `\t`, `\\` and `\xHH` stand for bytes.
 */
export function readVectors(name: string): Vector[] {
  const text = readFileSync(new URL(name, import.meta.url), 'utf8');
  return text
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const title = section.slice(0, section.indexOf('\n')).trim();
      const wire = /^```wire(.*)\n([\s\S]*?)^```/m.exec(section);
      const events = /^```events\n([\s\S]*?)^```/m.exec(section);
      if (wire === null || events === null) throw new Error(`${name}: ${title} lacks a block`);
      const options = new Map<string, string>();
      for (const word of (wire[1] ?? '').trim().split(' ')) {
        const [key, value] = word.split('=');
        if (key !== undefined && key !== '') options.set(key, value ?? '');
      }
      return {
        name: title,
        wire: toBytes(wire[2] ?? ''),
        events: (events[1] ?? '').trim().split('\n'),
        options,
      };
    });
}

function toBytes(text: string): Buffer {
  const bytes = text.replaceAll('\n', '').replaceAll(/\\(?:x([0-9a-f]{2})|(.))/g, (_all, hex, letter) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    return ({ r: '\r', n: '\n', t: '\t', '\\': '\\' } as Record<string, string>)[letter] ?? letter;
  });
  return Buffer.from(bytes, 'latin1');
}
