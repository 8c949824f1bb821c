import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { HEADER_BYTES, RECORD, recordOf, type WireRecord } from './records.ts';

/** The cipher suites of which the keys can be derived here: both are AES-128-GCM with SHA-256. */
export const CIPHERS = 'ECDHE-ECDSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256';

/** What a record had in it. */
export interface OpenedRecord {
  readonly type: number;
  readonly plaintext: Buffer;
}

/** Encrypts or decrypts the records of one direction, one after the other. */
export interface RecordCipher {
  seal(type: number, plaintext: Uint8Array): Buffer;
  /** @throws if the record was not encrypted with these keys. */
  open(record: WireRecord): OpenedRecord;
  /** Goes on with the next keys, after a KeyUpdate (RFC 8446 §7.2). Does nothing in TLS 1.2. */
  update(): void;
}

const TAG_BYTES = 16;

/** RFC 8446 §5.2. @param secret - the traffic secret, as a key log has it. @param sequence - of the next record. */
export function cipher13(secret: Uint8Array, sequence = 0): RecordCipher {
  let current: Buffer = Buffer.from(secret);
  let keys = keys13(current);
  let next = sequence;
  const nonce = (): Buffer => {
    const value = Buffer.from(keys.iv);
    value.writeUInt32BE((value.readUInt32BE(8) ^ next) >>> 0, 8);
    next += 1;
    return value;
  };
  return {
    seal(type, plaintext) {
      const inner = Buffer.concat([plaintext, Buffer.of(type)]);
      const header = recordOf(RECORD.data, Buffer.alloc(inner.length + TAG_BYTES)).subarray(0, HEADER_BYTES);
      return Buffer.concat([header, encrypt(keys.key, nonce(), header, inner)]);
    },
    open(record) {
      const inner = decrypt(keys.key, nonce(), record.bytes.subarray(0, HEADER_BYTES), record.fragment);
      let end = inner.length - 1;
      while (end > 0 && inner[end] === 0) end -= 1;
      return { type: inner[end] as number, plaintext: inner.subarray(0, end) };
    },
    update() {
      current = expandLabel(current, 'traffic upd', 32);
      keys = keys13(current);
      next = 0;
    },
  };
}

/** RFC 5246 §6.3 and RFC 5288. @param sequence - of the next record. */
export function cipher12(
  master: Uint8Array,
  clientRandom: Uint8Array,
  serverRandom: Uint8Array,
  side: 'client' | 'server',
  sequence = 1,
): RecordCipher {
  const block = prf(master, 'key expansion', Buffer.concat([serverRandom, clientRandom]), 40);
  const [key, salt] =
    side === 'client'
      ? [block.subarray(0, 16), block.subarray(32, 36)]
      : [block.subarray(16, 32), block.subarray(36, 40)];
  let next = sequence;
  const associated = (type: number, length: number): [number: Buffer, data: Buffer] => {
    const number = Buffer.alloc(8);
    number.writeUInt32BE(next, 4);
    next += 1;
    const header = recordOf(type, Buffer.alloc(length)).subarray(0, HEADER_BYTES);
    return [number, Buffer.concat([number, header])];
  };
  return {
    seal(type, plaintext) {
      const [explicit, data] = associated(type, plaintext.length);
      const sealed = encrypt(key, Buffer.concat([salt, explicit]), data, plaintext);
      return recordOf(type, Buffer.concat([explicit, sealed]));
    },
    open({ type, fragment }) {
      const [, data] = associated(type, fragment.length - 8 - TAG_BYTES);
      const nonce = Buffer.concat([salt, fragment.subarray(0, 8)]);
      return { type, plaintext: decrypt(key, nonce, data, fragment.subarray(8)) };
    },
    update() {},
  };
}

function keys13(secret: Uint8Array): { readonly key: Buffer; readonly iv: Buffer } {
  return { key: expandLabel(secret, 'key', 16), iv: expandLabel(secret, 'iv', 12) };
}

function expandLabel(secret: Uint8Array, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.of(0, length, name.length), name, Buffer.of(0)]);
  // Expand only: the secret is used as it is.
  const block = createHmac('sha256', secret).update(info).update(Buffer.of(1)).digest();
  return block.subarray(0, length);
}

function prf(secret: Uint8Array, label: string, seed: Uint8Array, length: number): Buffer {
  const start = Buffer.concat([Buffer.from(label), seed]);
  const hmac = (data: Uint8Array): Buffer => createHmac('sha256', secret).update(data).digest();
  const pieces: Buffer[] = [];
  for (let a = hmac(start), total = 0; total < length; a = hmac(a)) {
    const piece = hmac(Buffer.concat([a, start]));
    pieces.push(piece);
    total += piece.length;
  }
  return Buffer.concat(pieces).subarray(0, length);
}

function encrypt(key: Uint8Array, nonce: Uint8Array, data: Uint8Array, plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-128-gcm', key, nonce).setAAD(data);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Uint8Array, nonce: Uint8Array, data: Uint8Array, sealed: Buffer): Buffer {
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-128-gcm', key, nonce).setAAD(data);
  decipher.setAuthTag(sealed.subarray(end));
  return Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]);
}
