import { once } from 'node:events';
import { type AddressInfo, createServer, connect as netConnect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { TlsVersion } from '../../../src/index.ts';
import type { IssuedCertificate } from '../../support/certificates.ts';
import { CIPHERS, cipher12, cipher13, type OpenedRecord, type RecordCipher } from './record-cipher.ts';
import { RECORD, RecordSplitter, type WireRecord } from './records.ts';

type Role = 'client' | 'server';

/**
 * A peer that shakes hands as it should, over node:tls, and then sends any records that a test wants, encrypted with the
 * keys of the connection.
 */
export class Intruder implements AsyncDisposable {
  readonly socket: Socket;
  readonly #version: TlsVersion;
  readonly #writing: RecordCipher;
  readonly #reading: RecordCipher;
  readonly #splitter: RecordSplitter;
  readonly #waiting: WireRecord[];
  #wake: (() => void) | undefined;
  #hasEnded = false;

  constructor(handshake: Handshake) {
    this.socket = handshake.socket;
    this.#version = handshake.version;
    this.#splitter = handshake.splitter;
    [this.#writing, this.#reading, this.#waiting] = handshake.takeOver();
    this.socket.on('data', (bytes: Buffer) => {
      this.#waiting.push(...this.#splitter.push(bytes));
      this.#wake?.();
    });
    this.socket.on('close', () => {
      this.#hasEnded = true;
      this.#wake?.();
    });
    this.socket.on('end', () => {
      this.#hasEnded = true;
      this.#wake?.();
    });
  }

  /** The bytes of a record, which {@link sendBytes} sends. */
  sealed(type: number, plaintext: Uint8Array): Buffer {
    return this.#writing.seal(type, plaintext);
  }

  send(type: number, plaintext: Uint8Array | string): void {
    this.sendBytes(this.sealed(type, Buffer.from(plaintext as string)));
  }

  sendBytes(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** The bytes of a KeyUpdate; what is sealed after it has the next keys. */
  sealedKeyUpdate(isRequested: boolean): Buffer {
    const record = this.sealed(RECORD.handshake, Buffer.of(24, 0, 0, 1, isRequested ? 1 : 0));
    this.#writing.update();
    return record;
  }

  /** The next record that the other end has sent; `undefined` after its end, however it came. */
  async next(): Promise<OpenedRecord | undefined> {
    for (;;) {
      const record = this.#waiting.shift();
      if (record !== undefined) return this.#opened(record);
      if (this.#hasEnded) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The next application data, and alerts; tickets and key updates are skipped. */
  async nextData(): Promise<OpenedRecord | undefined> {
    for (;;) {
      const record = await this.next();
      if (record === undefined || record.type !== RECORD.handshake) return record;
    }
  }

  #opened(record: WireRecord): OpenedRecord {
    const opened = this.#reading.open(record);
    const isKeyUpdate = opened.type === RECORD.handshake && opened.plaintext[0] === 24;
    if (this.#version === 'TLSv1.3' && isKeyUpdate) this.#reading.update();
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    if (!this.socket.closed) await once(this.socket, 'close');
  }
}

/** Connects to a server under test. */
export async function intrudeAsClient(port: number, version: TlsVersion): Promise<Intruder> {
  const socket = netConnect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  await once(socket, 'connect');
  const handshake = new Handshake(socket, 'client', version);
  const { wire } = handshake;
  const limits = { minVersion: version, maxVersion: version, ciphers: CIPHERS } as const;
  const secure = connect({ socket: wire, rejectUnauthorized: false, servername: 'localhost', ...limits });
  await handshake.isComplete(secure, 'secureConnect');
  return new Intruder(handshake);
}

/** Waits for a client under test. */
export async function intrudeAsServer(
  { cert, key }: IssuedCertificate,
  version: TlsVersion,
): Promise<{ readonly port: number; readonly intruder: Promise<Intruder> }> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const limits = { minVersion: version, maxVersion: version, ciphers: CIPHERS } as const;
  const intruder = once(server, 'connection').then(async ([socket]) => {
    server.close();
    const handshake = new Handshake(socket as Socket, 'server', version);
    // As the servers of node:tls do it: only they have the key log.
    const tls = createTlsServer({ cert, key, ...limits });
    const secured = once(tls, 'secureConnection');
    const keys = (line: Buffer): void => handshake.addKeys(line);
    tls.on('keylog', keys);
    tls.emit('connection', handshake.wire);
    await secured;
    await handshake.settled();
    return new Intruder(handshake);
  });
  return { port: (server.address() as AddressInfo).port, intruder };
}

/** A handshake that node:tls performs, and what it sends and receives meanwhile. */
class Handshake {
  readonly socket: Socket;
  readonly version: TlsVersion;
  /** The connection, as node:tls has it. */
  readonly wire: Duplex;
  readonly splitter = new RecordSplitter();
  readonly #role: Role;
  readonly #secrets = new Map<string, Buffer>();
  readonly #sent = new RecordSplitter();
  /** Records of each direction that were encrypted with the keys of the intruder. */
  #sentCount = 0;
  readonly #received: WireRecord[] = [];
  #clientIsFinished = false;
  #sentCipherChange = false;
  #receivedCipherChange = false;
  #clientRandom: Buffer | undefined;
  #serverRandom: Buffer | undefined;
  readonly #onData: (bytes: Buffer) => void;

  constructor(socket: Socket, role: Role, version: TlsVersion) {
    this.socket = socket;
    this.version = version;
    this.#role = role;
    socket.on('error', () => {});
    this.wire = new Duplex({
      read: () => {},
      write: (bytes: Buffer, _, done) => {
        for (const record of this.#sent.push(bytes)) this.#noteSent(record);
        socket.write(bytes, () => done());
      },
    });
    this.wire.on('error', () => {});
    this.#onData = (bytes) => {
      for (const record of this.splitter.push(bytes)) this.#noteReceived(record);
      this.wire.push(bytes);
    };
    socket.on('data', this.#onData);
  }

  addKeys(line: Buffer): void {
    const [label = '', random = '', secret = ''] = line.toString().trim().split(' ');
    this.#secrets.set(label, Buffer.from(secret, 'hex'));
    this.#clientRandom = Buffer.from(random, 'hex');
  }

  async isComplete(secure: TLSSocket, event: string): Promise<void> {
    secure.on('keylog', (line: Buffer) => this.addKeys(line));
    secure.on('error', () => {});
    await once(secure, event);
    await this.settled();
  }

  /** Lets node:tls send what it sends after a handshake. */
  async settled(): Promise<void> {
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Ends the part of node:tls. @returns what encrypts, what decrypts, and the records received until now. */
  takeOver(): [RecordCipher, RecordCipher, WireRecord[]] {
    this.socket.off('data', this.#onData);
    const other = this.#role === 'client' ? 'server' : 'client';
    return [this.#cipher(this.#role, this.#sentCount), this.#cipher(other, 0), this.#received];
  }

  #cipher(side: Role, sequence: number): RecordCipher {
    if (this.version === 'TLSv1.3')
      return cipher13(this.#secret(`${side.toUpperCase()}_TRAFFIC_SECRET_0`), sequence);
    const randoms = [this.#clientRandom, this.#serverRandom] as [Buffer, Buffer];
    return cipher12(this.#secret('CLIENT_RANDOM'), ...randoms, side, sequence);
  }

  #secret(label: string): Buffer {
    const secret = this.#secrets.get(label);
    if (secret === undefined) throw new Error(`the key log has no ${label}`);
    return secret;
  }

  #noteSent(record: WireRecord): void {
    if (this.#role === 'server') this.#noteServerRandom(record);
    if (this.version === 'TLSv1.3') {
      if (this.#clientIsFinished) this.#sentCount += 1;
      else if (this.#role === 'client' && record.type === RECORD.data) this.#clientIsFinished = true;
    } else if (this.#sentCipherChange) this.#sentCount += 1;
    if (record.type === RECORD.changeCipherSpec) this.#sentCipherChange = true;
  }

  #noteReceived(record: WireRecord): void {
    if (this.#role === 'client') this.#noteServerRandom(record);
    if (this.version === 'TLSv1.3') {
      if (this.#clientIsFinished) this.#received.push(record);
      else if (this.#role === 'server' && record.type === RECORD.data) this.#clientIsFinished = true;
    } else if (this.#receivedCipherChange) this.#received.push(record);
    if (record.type === RECORD.changeCipherSpec) this.#receivedCipherChange = true;
  }

  /** It is in the first record of the server, behind the type, the length and the version of its hello. */
  #noteServerRandom({ type, fragment }: WireRecord): void {
    if (type === RECORD.handshake && fragment[0] === 2) this.#serverRandom ??= fragment.subarray(6, 38);
  }
}
