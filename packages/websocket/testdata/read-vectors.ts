import { readFileSync } from 'node:fs';

/** One section of a file of vectors. */
export interface Vector {
  readonly name: string;
  readonly role: 'server' | 'client';
  readonly limits: Readonly<Record<string, number>>;
  readonly bytes: Buffer;
  readonly events: readonly string[];
}

/** Reads a file of this folder; its own first lines say how it is written. */
export function readVectors(fileName: string): Vector[] {
  const text = readFileSync(new URL(fileName, import.meta.url), 'utf8');
  return text.split(/^## /m).slice(1).map(readSection);
}

/** Reads hexadecimal bytes, where `61*256` is 256 times 61. */
export function readHex(text: string): Buffer {
  const parts = text.split(/\s+/).filter((word) => word !== '');
  return Buffer.concat(
    parts.map((word) => {
      const match = /^([0-9a-f]{2})(?:\*(\d+))?$/.exec(word);
      if (match === null) throw new Error(`not a byte: ${word}`);
      return Buffer.alloc(Number(match[2] ?? 1), Number.parseInt(match[1] as string, 16));
    }),
  );
}

function readSection(section: string): Vector {
  const name = section.slice(0, section.indexOf('\n'));
  const [role, ...limits] = readBlock(section, 'role');
  if (role !== 'server' && role !== 'client') throw new Error(`${name}: no role`);
  return {
    name,
    role,
    limits: Object.fromEntries(limits.map((line) => [line.split(' ')[0], Number(line.split(' ')[1])])),
    bytes: readHex(readBlock(section, 'bytes').join(' ')),
    events: readBlock(section, 'events').map(normalEvent),
  };
}

function readBlock(section: string, kind: string): string[] {
  const match = new RegExp(`^\`\`\`${kind}\n(.*?)^\`\`\``, 'ms').exec(section);
  if (match === null) throw new Error(`no ${kind} in ${section.slice(0, 60)}`);
  return (match[1] as string).trim().split('\n');
}

/** Strings and bytes can be written in more than one way; this is the way the tests write them. */
function normalEvent(line: string): string {
  if (line.startsWith('binary')) return `binary ${readHex(line.slice(6)).toString('hex')}`;
  return line.replace(/".*"$/, (json) => JSON.stringify(JSON.parse(json)));
}
