import { Refusal } from './refusal.ts';

const POWERS = ['k', 'm', 'g', 't', 'p'];
const SIZE = /^(\d+(?:\.\d+)?|\.\d+)\s*(?:(b|bytes?)|([kmgtp])(i?)(b?))?$/i;
const MAX_CHARS = 40;
const EXPECTED = 'a size such as 512KiB, 10MiB or 1.5GB';

/**
 * Parses a number of bytes: `10MiB` (powers of 1,024), `1.5GB` (powers of 1,000), `512`. Fractions of a byte are cut
 * off. `10M` is refused, since it is used in both senses.
 */
export function parseSize(text: string): number | Refusal {
  const trimmed = text.trim();
  const match = trimmed.length > MAX_CHARS ? null : SIZE.exec(trimmed);
  if (match === null) return new Refusal(EXPECTED);
  const [, digits = '', , prefix = '', binary = '', byte = ''] = match;
  if (prefix !== '' && byte === '') {
    const letter = prefix.toUpperCase();
    return new Refusal(EXPECTED, `write ${digits}${letter}iB or ${digits}${letter}B`);
  }
  const power = POWERS.indexOf(prefix.toLowerCase()) + 1;
  return Math.floor(Number(digits) * (binary === '' ? 1_000 : 1_024) ** power);
}

/** Formats bytes as a text that {@link parseSize} reads as the same number: `10MiB`, `1.5GB`, `100 bytes`. */
export function formatSize(bytes: number): string {
  for (const [base, unit] of [[1_024, 'iB'] as const, [1_000, 'B'] as const]) {
    for (let power = POWERS.length; power > 0; power -= 1) {
      const count = bytes / base ** power;
      // At most one decimal, otherwise the number of bytes is easier to read.
      if (count < 1 || !Number.isInteger(count * (base === 1_000 ? 10 : 1))) continue;
      return `${count}${POWERS[power - 1]?.toUpperCase()}${unit}`;
    }
  }
  return bytes === 1 ? '1 byte' : `${bytes} bytes`;
}
