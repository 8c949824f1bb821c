import type { TlsVersion } from '../../../src/index.ts';
import { cipher12, cipher13, type OpenedRecord, type RecordCipher } from '../support/record-cipher.ts';
import { RECORD, recordOf, type WireRecord } from '../support/records.ts';
import type { Direction } from '../support/relay.ts';

/** What both directions of a connection learn of its handshake. */
export class ConnectionKeys {
  serverRandom: Buffer | undefined;
  readonly #secrets = new Map<string, Buffer>();
  #clientRandom: Buffer | undefined;

  /** @param lines - of a key log. */
  add(lines: string): void {
    for (const line of lines.split('\n')) {
      const [label = '', random = '', secret = ''] = line.split(' ');
      if (secret === '') continue;
      this.#secrets.set(label, Buffer.from(secret, 'hex'));
      this.#clientRandom = Buffer.from(random, 'hex');
    }
  }

  /** @returns `undefined` if the handshake is not that far. */
  cipher(version: TlsVersion, side: Direction, phase: 'handshake' | 'data'): RecordCipher | undefined {
    if (version === 'TLSv1.3') {
      const label = `${side.toUpperCase()}_${phase === 'data' ? 'TRAFFIC_SECRET_0' : 'HANDSHAKE_TRAFFIC_SECRET'}`;
      const secret = this.#secrets.get(label);
      return secret === undefined ? undefined : cipher13(secret);
    }
    const master = this.#secrets.get('CLIENT_RANDOM');
    const { serverRandom } = this;
    if (master === undefined || serverRandom === undefined || this.#clientRandom === undefined)
      return undefined;
    return cipher12(master, this.#clientRandom, serverRandom, side, 0);
  }
}

const FINISHED = 20;
const SERVER_HELLO = 2;

/** Opens the records of one direction and seals others in their place, with the keys of each phase. */
export class KeyedDirection {
  readonly #version: TlsVersion;
  readonly #side: Direction;
  readonly #keys: ConnectionKeys;
  #phase: 'plain' | 'handshake' | 'data' = 'plain';
  #reading: RecordCipher | undefined;
  #writing: RecordCipher | undefined;

  constructor(version: TlsVersion, side: Direction, keys: ConnectionKeys) {
    this.#version = version;
    this.#side = side;
    this.#keys = keys;
  }

  /**
   * @param change - what is sent in place of an opened record.
   * @returns the bytes to pass on; the record itself if it cannot be opened.
   */
  pass(record: WireRecord, change: (opened: OpenedRecord) => readonly OpenedRecord[]): Buffer {
    if (this.#phase === 'plain' && !this.#startsEncryption(record)) {
      this.#note(record);
      const changed = change({ type: record.type, plaintext: record.fragment });
      const bytes = Buffer.concat(changed.map(({ type, plaintext }) => recordOf(type, plaintext)));
      if (this.#version === 'TLSv1.2' && record.type === RECORD.changeCipherSpec) this.#enter('data');
      return bytes;
    }
    if (record.type === RECORD.changeCipherSpec && this.#version === 'TLSv1.3') return record.bytes;
    let opened: OpenedRecord;
    try {
      if (this.#reading === undefined || this.#writing === undefined) return record.bytes;
      opened = this.#reading.open(record);
    } catch {
      return record.bytes;
    }
    const writing = this.#writing;
    const sealed = change(opened).map(({ type, plaintext }) => {
      const bytes = writing.seal(type, plaintext);
      if (isMessage(type, plaintext, 24) && this.#phase === 'data') writing.update();
      return bytes;
    });
    if (isMessage(opened.type, opened.plaintext, 24) && this.#phase === 'data') this.#reading.update();
    if (isMessage(opened.type, opened.plaintext, FINISHED) && this.#phase === 'handshake')
      this.#enter('data');
    return Buffer.concat(sealed);
  }

  #startsEncryption(record: WireRecord): boolean {
    if (this.#version === 'TLSv1.2' || record.type !== RECORD.data) return false;
    this.#enter('handshake');
    return true;
  }

  #enter(phase: 'handshake' | 'data'): void {
    this.#phase = phase;
    this.#reading = this.#keys.cipher(this.#version, this.#side, phase);
    this.#writing = this.#keys.cipher(this.#version, this.#side, phase);
  }

  #note({ type, fragment }: WireRecord): void {
    if (type !== RECORD.handshake || fragment[0] !== SERVER_HELLO) return;
    this.#keys.serverRandom ??= Buffer.from(fragment.subarray(6, 38));
  }
}

const isMessage = (type: number, plaintext: Uint8Array, message: number): boolean =>
  type === RECORD.handshake && plaintext[0] === message;
