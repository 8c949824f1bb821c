import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';

export interface DnsRecords {
  /** Seconds. Default: 60. */
  ttl?: number;
  A?: readonly string[];
  AAAA?: readonly string[];
  /** The records belong to this name, and the one asked for is an alias of it. */
  CNAME?: { readonly name: string; readonly ttl: number };
  /** Answers queries of this type, or all, with this code, or does not answer at all. */
  fails?: { readonly type?: 'A' | 'AAAA'; readonly how: 'SERVFAIL' | 'silent' };
}

const TYPES = { 1: 'A', 5: 'CNAME', 28: 'AAAA' } as const;
const TYPE_NUMBERS = { A: 1, CNAME: 5, AAAA: 28 } as const;
const NOERROR = 0;
const SERVFAIL = 2;
const NXDOMAIN = 3;

/** A DNS server on loopback over UDP (RFC 1035): enough of it for c-ares, which asks it as it asks any other. */
export class DnsServer implements AsyncDisposable {
  /** By name in lower case. Names that are not here do not exist. */
  readonly records = new Map<string, DnsRecords>();
  /** The queries that have arrived, such as `A a.example`. */
  readonly queries: string[] = [];
  /** While this is set, replies wait until it is called by {@link release}. */
  #held: (() => void)[] | undefined;
  readonly #socket = createSocket('udp4');

  static async listen(): Promise<DnsServer> {
    const server = new DnsServer();
    server.#socket.on('message', (query, from) => server.#received(query, from));
    server.#socket.bind(0, '127.0.0.1');
    await once(server.#socket, 'listening');
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  /** Replies to nothing until {@link release}. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const reply of held) reply();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  #received(query: Buffer, from: RemoteInfo): void {
    const { name, end } = readName(query);
    const type = TYPES[query.readUInt16BE(end) as keyof typeof TYPES];
    if (type === undefined) return;
    this.queries.push(`${type} ${name}`);
    const reply = (): void => {
      const response = this.#responseTo(query.subarray(0, end + 4), name, type);
      if (response !== undefined) this.#socket.send(response, from.port, from.address);
    };
    if (this.#held === undefined) reply();
    else this.#held.push(reply);
  }

  /** @param question - the header and the question. */
  #responseTo(question: Buffer, name: string, type: 'A' | 'AAAA' | 'CNAME'): Buffer | undefined {
    const records = this.records.get(name);
    if (records === undefined) return message(question, NXDOMAIN, []);
    const { CNAME, fails, ttl = 60 } = records;
    if (fails !== undefined && (fails.type === undefined || fails.type === type))
      return fails.how === 'silent' ? undefined : message(question, SERVFAIL, []);
    const addresses = type === 'CNAME' ? [] : (records[type] ?? []);
    if (CNAME === undefined || addresses.length === 0) {
      // A pointer to the name in the question (RFC 1035 §4.1.4).
      const owner = Buffer.from([0xc0, 12]);
      return message(
        question,
        NOERROR,
        addresses.map((one) => record(owner, type, ttl, bytesOf(one))),
      );
    }
    const alias = record(Buffer.from([0xc0, 12]), 'CNAME', CNAME.ttl, encodedName(CNAME.name));
    const owner = encodedName(CNAME.name);
    return message(question, NOERROR, [
      alias,
      ...addresses.map((one) => record(owner, type, ttl, bytesOf(one))),
    ]);
  }
}

function readName(query: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

function encodedName(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from(`\0${label}`, 'latin1').fill(label.length, 0, 1));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

function record(owner: Buffer, type: keyof typeof TYPE_NUMBERS, ttl: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(TYPE_NUMBERS[type], 0);
  fixed.writeUInt16BE(1, 2); // IN
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([owner, fixed, data]);
}

function message(question: Buffer, code: number, answers: readonly Buffer[]): Buffer {
  const head = Buffer.from(question);
  head.writeUInt16BE(0x8180 | code, 2); // a response, recursion desired and available
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(answers.length, 6);
  head.writeUInt32BE(0, 8);
  return Buffer.concat([head, ...answers]);
}

/** The bytes of an IPv4 address, or of an IPv6 address that is written in full or with `::` at one place. */
function bytesOf(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((one) => Number.parseInt(one, 16));
  const [first, last] = [groups(head), groups(tail)];
  const all = [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
