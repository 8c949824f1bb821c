import { BYTE_CLASS, COLON, HEX } from './bytes.ts';

const DOT = 0x2e;
const ZERO = 0x30;
const MAX_GROUPS = 8;
/** An IPv4 address at the end stands for two groups. */
const IPV4_GROUPS = 2;

/** Whether the bytes are an IPv6address (RFC 3986 §3.2.2), without its brackets and without a zone. */
export function isIPv6(bytes: Uint8Array, start: number, end: number): boolean {
  let groups = 0;
  let gap = false;
  let at = start;
  if (bytes[at] === COLON) {
    if (bytes[at + 1] !== COLON) return false;
    gap = true;
    at += 2;
  }
  while (at < end) {
    const from = at;
    while (at < end && at - from <= 4 && isHex(bytes[at])) at += 1;
    if (at < end && bytes[at] === DOT) {
      return isIPv4(bytes, from, end) && fits(groups + IPV4_GROUPS, gap);
    }
    if (at === from || at - from > 4) return false;
    groups += 1;
    if (at === end) break;
    if (bytes[at] !== COLON) return false;
    at += 1;
    if (at < end && bytes[at] === COLON) {
      if (gap) return false;
      gap = true;
      at += 1;
    } else if (at === end) {
      return false;
    }
  }
  return fits(groups, gap);
}

/** `::` stands for at least one group. */
function fits(groups: number, gap: boolean): boolean {
  return gap ? groups < MAX_GROUPS : groups === MAX_GROUPS;
}

/** Four numbers from 0 to 255, without leading zeros: those are octal to some readers. */
function isIPv4(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  for (let part = 0; part < 4; part += 1) {
    if (part > 0) {
      if (bytes[at] !== DOT) return false;
      at += 1;
    }
    const from = at;
    let value = 0;
    while (at < end && at - from < 3) {
      const digit = (bytes[at] as number) - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      at += 1;
    }
    if (at === from || value > 255 || (at - from > 1 && bytes[from] === ZERO)) return false;
  }
  return at === end;
}

function isHex(byte: number | undefined): boolean {
  return byte !== undefined && ((BYTE_CLASS[byte] as number) & HEX) !== 0;
}
