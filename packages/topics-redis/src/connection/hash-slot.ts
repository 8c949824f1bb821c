/** Number of slots of a cluster. */
export const SLOT_COUNT = 16_384;

/** Returns the part of a key that decides where it is: what is in the first pair of braces, or all of it. */
export function hashTag(key: string): string {
  const open = key.indexOf('{');
  if (open === -1) return key;
  const close = key.indexOf('}', open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : key;
}

/** Returns the slot of a hash tag: its CRC-16, as the specification of Redis Cluster defines it, modulo their number. */
export function slotOf(tag: string): number {
  let crc = 0;
  for (const byte of Buffer.from(tag)) crc = ((crc << 8) & 0xffff) ^ tableEntry((crc >> 8) ^ byte);
  return crc % SLOT_COUNT;
}

const POLYNOMIAL = 0x1021; // CRC-16/XMODEM
const TABLE = new Uint16Array(256).map((_, index) => {
  let crc = index << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
  return crc;
});

function tableEntry(index: number): number {
  return TABLE[index] as number;
}
